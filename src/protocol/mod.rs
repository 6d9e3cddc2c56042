//! AWS wire protocols: bytes to calls and answers back. Knows no service.
