//! What a deployment costs: nothing that is sent may take all time or all memory.

use super::error::invalid;
use super::limits::{DEEPEST_EVALUATION, LARGEST_TEMPLATE, MOST_NODES, Size, size};
use crate::arm::call::DEEPEST_JSON;
use crate::arm::error::Error;
use serde_json::Value;
use std::cell::Cell;

/// The work of a request, the deployments that are nested in it included. A byte that is made costs 1.
pub(super) const MOST_WORK: u64 = 512 * 1024 * 1024;

/// One step of an evaluation: 2 million in a request.
const STEP: u64 = 256;

/// One value of an array or object that is made.
const NODE: u64 = 32;

/// A call that reads a resource: 25,000 in a request.
const READ: u64 = 20 * 1024;

/// A call that puts a resource: 5,000 in a request.
const PUT: u64 = 100 * 1024;

/// What the values may be together that one evaluation has at hand at once (bytes of JSON).
const MOST_AT_HAND: usize = 8 * LARGEST_TEMPLATE;

/// Counts for one template.
pub(super) struct Meter<'a> {
    left: &'a Cell<u64>,
    at_hand: Cell<usize>,
    kept: Cell<usize>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(left: &'a Cell<u64>) -> Self {
        Meter {
            left,
            at_hand: Cell::new(0),
            kept: Cell::new(0),
        }
    }

    fn charge(&self, work: u64) -> Result<(), Error> {
        match self.left.get().checked_sub(work) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
                Err(invalid(
                    "The deployment is too large: its expressions and resources take more work than the local Azure does \
                     for one request. Split it into several deployments",
                ))
            }
        }
    }

    /// One step, within `depth` others.
    pub(super) fn step(&self, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST_EVALUATION {
            return Err(invalid(format!(
                "The template is nested too deeply: its objects, expressions and functions are more than \
                 '{DEEPEST_EVALUATION}' levels within one another"
            )));
        }
        self.charge(STEP)
    }

    /// A text that is read, or the members of an object that are looked through.
    pub(super) fn looked_at(&self, count: usize) -> Result<(), Error> {
        self.charge(count as u64)
    }

    pub(super) fn read(&self) -> Result<(), Error> {
        self.charge(READ)
    }

    /// What a call answered.
    pub(super) fn answered(&self, value: &Value) -> Result<(), Error> {
        let size = size(value);
        self.charge(size.bytes as u64 + NODE * size.nodes as u64)
    }

    pub(super) fn put(&self) -> Result<(), Error> {
        self.charge(PUT)
    }

    /// A value that was made, which must not be too large.
    pub(super) fn made(&self, value: &Value) -> Result<Size, Error> {
        let size = size(value);
        self.charge(size.bytes as u64 + NODE * size.nodes as u64)?;
        if size.bytes > LARGEST_TEMPLATE {
            return Err(too_large(size.bytes));
        }
        if size.nodes > MOST_NODES {
            return Err(invalid(format!(
                "A value in the template has too many elements. Limit: '{MOST_NODES}' and actual: '{}'",
                size.nodes
            )));
        }
        if size.depth > DEEPEST_JSON {
            return Err(invalid(format!(
                "A value in the template is nested too deeply. Limit: '{DEEPEST_JSON}' and actual: '{}'",
                size.depth
            )));
        }
        Ok(size)
    }

    /// A new evaluation has nothing at hand.
    pub(super) fn begin(&self) {
        self.at_hand.set(0);
    }

    /// A value that is at hand until it is released.
    pub(super) fn hold(&self, size: usize) -> Result<(), Error> {
        self.at_hand.set(self.at_hand.get() + size);
        if self.at_hand.get() > MOST_AT_HAND {
            return Err(too_large(self.at_hand.get()));
        }
        Ok(())
    }

    pub(super) fn release(&self, size: usize) {
        self.at_hand.set(self.at_hand.get().saturating_sub(size));
    }

    /// What stays as a part of the expanded template.
    pub(super) fn keep(&self, size: usize) -> Result<(), Error> {
        self.kept.set(self.kept.get() + size);
        if self.kept.get() > LARGEST_TEMPLATE {
            return Err(too_large(self.kept.get()));
        }
        Ok(())
    }
}

fn too_large(actual: usize) -> Error {
    invalid(format!(
        "The size of the template, with the values of its parameters and variables and its expanded resources, limit \
         exceeded. Limit: '{LARGEST_TEMPLATE}' and actual: '{actual}'. Please see \
         https://aka.ms/arm-template-limits for usage details"
    ))
}
