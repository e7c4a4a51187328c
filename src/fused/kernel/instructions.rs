//! Instruction sets, and the choice between them.

use std::ffi::OsStr;
use std::sync::LazyLock;

/// The environment variable that chooses the instruction set of a process.
const VARIABLE: &str = "ACTOR_CRITIC_ISA";

/// The instruction sets that kernels are compiled for, from slow to fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum InstructionSet {
    Portable,
    Avx2,
    Avx512,
}

impl InstructionSet {
    pub(super) const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Returns the fastest instruction set of the processor.
    pub(super) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            let avx512 = std::is_x86_feature_detected!("avx512f")
                && std::is_x86_feature_detected!("avx512bw")
                && std::is_x86_feature_detected!("avx512dq")
                && std::is_x86_feature_detected!("avx512vl");
            return if avx512 { Self::Avx512 } else { Self::Avx2 };
        }
        Self::Portable
    }

    /// Returns the instruction set that kernels use. The processor has it.
    #[inline]
    pub(super) fn used() -> Self {
        static USED: LazyLock<InstructionSet> = LazyLock::new(|| {
            let value = std::env::var_os(VARIABLE);
            let (used, complaint) = InstructionSet::asked_for(value.as_deref(), InstructionSet::best());
            if let Some(complaint) = complaint {
                eprintln!("{complaint}");
            }
            used
        });
        #[cfg(test)]
        if let Some(used) = forced::FORCED.get() {
            return used;
        }
        *USED
    }

    /// Returns the instruction set for a value of the variable, and a message if the value is wrong.
    fn asked_for(value: Option<&OsStr>, best: Self) -> (Self, Option<String>) {
        let Some(value) = value else { return (best, None) };
        match Self::ALL.into_iter().find(|set| value == set.name()) {
            Some(set) if set <= best => (set, None),
            asked => {
                let (value, best_name) = (value.display(), best.name());
                let wrong = match asked {
                    Some(_) => "which this processor does not have",
                    None => "but must be one of portable, avx2 and avx512",
                };
                (best, Some(format!("{VARIABLE} is {value}, {wrong}; the kernels use {best_name}")))
            }
        }
    }
}

#[cfg(test)]
pub(super) mod forced {
    use std::cell::Cell;

    use super::InstructionSet;

    thread_local! {
        pub(super) static FORCED: Cell<Option<InstructionSet>> = const { Cell::new(None) };
    }

    /// Calls `f` with each instruction set of the processor, from the portable one on.
    pub(in super::super) fn with_each<R>(mut f: impl FnMut() -> R) -> Vec<(InstructionSet, R)> {
        let sets = InstructionSet::ALL.into_iter().filter(|&set| set <= InstructionSet::best());
        let results = sets.map(|set| {
            FORCED.set(Some(set));
            (set, f())
        });
        let results = results.collect();
        FORCED.set(None);
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_keeps_from_the_newer_sets() {
        let best = InstructionSet::Avx2;
        assert_eq!(InstructionSet::asked_for(None, best), (best, None));
        assert_eq!(InstructionSet::asked_for(Some("avx2".as_ref()), best), (best, None));
        assert_eq!(InstructionSet::asked_for(Some("portable".as_ref()), best), (InstructionSet::Portable, None));
    }

    #[test]
    fn a_value_that_cannot_be_followed_is_named() {
        let complaint = |value: &str| {
            let (used, complaint) = InstructionSet::asked_for(Some(value.as_ref()), InstructionSet::Avx2);
            assert_eq!(used, InstructionSet::Avx2);
            complaint.unwrap()
        };
        assert_eq!(
            complaint("avx512"),
            "ACTOR_CRITIC_ISA is avx512, which this processor does not have; the kernels use avx2"
        );
        assert_eq!(
            complaint("sse9"),
            "ACTOR_CRITIC_ISA is sse9, but must be one of portable, avx2 and avx512; the kernels use avx2"
        );
    }
}
