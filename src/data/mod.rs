//! Fills an environment: the resources that a profile declares.
