//! What should run, what runs, in which order: a pure state machine from events to actions.
