//! The AWS services: pure operations over typed state, with joints to protocol and storage.
