//! Scripts over the operations.
