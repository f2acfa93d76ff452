//! Doing what a request asked for once its writes are kept.

use super::{apart, programs, scripts};
use crate::instance::Instance;
use crate::request::effects::Effects;
use std::sync::Arc;

/// Ends what runs on machines that went down, removes what those that are gone had, and runs scripts.
pub(crate) fn carry_out(instance: &Arc<Instance>, effects: Effects) {
    for machine in effects.ended {
        // Nobody may be connected.
        let _ = instance.ended.send(machine.vm_id.clone());
        instance.isolation.end(&machine.vm_id);
        programs::end_all(&machine.vm_id);
        if machine.gone {
            instance.folder.remove_machine(&machine.vm_id);
        }
    }
    for id in effects.begun {
        let instance = Arc::clone(instance);
        std::thread::spawn(move || apart::begin(&instance, &id));
    }
    for script in effects.scripts {
        let instance = Arc::clone(instance);
        std::thread::spawn(move || scripts::run(&instance, &script));
    }
}
