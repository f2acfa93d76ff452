use crate::suite::Case;
pub(crate) fn cases() -> Vec<Case> {
    vec![]
}
