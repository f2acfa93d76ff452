//! Which functions there are.

/// Names the functions, with how many arguments each takes; `true`: or more.
macro_rules! functions {
    ($($variant:ident $name:literal $count:literal $more:literal),* $(,)?) => {
        /// A function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Function { $($variant),* }

        impl Function {
            const ALL: &[Function] = &[$(Function::$variant),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Function::$variant => $name),* }
            }

            fn count(self) -> (usize, bool) {
                match self { $(Function::$variant => ($count, $more)),* }
            }
        }
    };
}

functions! {
    Abs "abs" 1 false,
    Avg "avg" 1 false,
    Ceil "ceil" 1 false,
    Contains "contains" 2 false,
    EndsWith "ends_with" 2 false,
    Floor "floor" 1 false,
    Join "join" 2 false,
    Keys "keys" 1 false,
    Length "length" 1 false,
    Map "map" 2 false,
    Max "max" 1 false,
    MaxBy "max_by" 2 false,
    Merge "merge" 1 true,
    Min "min" 1 false,
    MinBy "min_by" 2 false,
    NotNull "not_null" 1 true,
    Reverse "reverse" 1 false,
    Sort "sort" 1 false,
    SortBy "sort_by" 2 false,
    StartsWith "starts_with" 2 false,
    Sum "sum" 1 false,
    ToArray "to_array" 1 false,
    ToNumber "to_number" 1 false,
    ToString "to_string" 1 false,
    Type "type" 1 false,
    Values "values" 1 false,
}

impl Function {
    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|function| function.name() == name)
    }

    /// What is said of a function that is not known.
    pub(crate) fn unknown(name: &str) -> String {
        let all: Vec<_> = Self::ALL.iter().map(|function| function.name()).collect();
        format!(
            "there is no function {name}(); there are {}",
            all.join(", ")
        )
    }

    pub(crate) fn check_count(self, given: usize) -> Result<(), String> {
        let (count, more) = self.count();
        if given == count || more && given > count {
            return Ok(());
        }
        let least = if more { "at least " } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        Err(format!(
            "{}() takes {least}{count} argument{plural}, and has {given}",
            self.name()
        ))
    }
}
