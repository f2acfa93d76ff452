//! A fleet, whatever is asked for.
