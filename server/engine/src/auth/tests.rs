//! Accounts on both databases.
