//! The command line, one file a subcommand. Only this layer prints.
