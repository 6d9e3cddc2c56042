//! Time, ids, accounts, regions and ARNs: values that every layer shares. Names only std.
