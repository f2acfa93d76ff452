//! Nothing that is sent ends the server: each limit just met, just passed, and passed absurdly, on a stack as small as
//! a worker's.

mod anything;
mod complete;
mod copy;
mod counts;
mod growth;
mod history;
mod nesting;
mod order;
mod support;
