//! The gateway: listeners, guards, and which service a request is for. The only layer that names axum.
