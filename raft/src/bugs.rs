//! The bug bench: rules of the protocol that can be broken on purpose, one line at one place each.
//!
//! A bug is named where it lives, `if bugs::is_on(Bug::TwoVotes) { … }`, and declared once, with the section of the rule, what
//! the line protects and the checks that are expected to notice. Without the cargo feature `bugs` no bug can be switched on,
//! and the compiler removes every such line. One bug is on at a time, for the thread that runs the servers.

#[cfg(feature = "bugs")]
use std::cell::Cell;

/// Declares an enum of bugs: number in the bench, section, variant, name, what the line protects, and the checks
/// that are expected to notice.
#[macro_export]
macro_rules! bugs {
    ($(#[$attribute:meta])* $name:ident:
     $($number:literal $section:literal $variant:ident $words:literal $protects:literal $detectors:literal;)*) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $protects] $variant,)*
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// Its number in the bench: unique over all crates.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $($name::$variant => $number,)* }
            }

            /// The section of the rule that it breaks.
            #[must_use]
            pub fn section(self) -> &'static str {
                match self { $($name::$variant => $section,)* }
            }

            /// The name: lower-case words joined by hyphens.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $words,)* }
            }

            /// What the broken line protects, in one sentence.
            #[must_use]
            pub fn protects(self) -> &'static str {
                match self { $($name::$variant => $protects,)* }
            }

            /// The checks that are expected to notice, separated by blanks; none for a control, which no check may flag.
            #[must_use]
            pub fn detectors(self) -> &'static str {
                match self { $($name::$variant => $detectors,)* }
            }
        }
    };
}

#[cfg(feature = "bugs")]
thread_local! {
    /// The number of the bug that is on; 0 if none is.
    static ON: Cell<u16> = const { Cell::new(0) };
}

/// Whether bugs can be switched on in this build.
pub const ARE_COMPILED: bool = cfg!(feature = "bugs");

/// Switches one bug on for this thread, by its number, in place of any other; `None` switches all off.
///
/// # Panics
/// If a bug is asked for in a build without the feature `bugs`: it would prove nothing.
pub fn switch(number: Option<u16>) {
    #[cfg(feature = "bugs")]
    ON.set(number.unwrap_or(0));
    #[cfg(not(feature = "bugs"))]
    assert!(number.is_none(), "this build has no bugs: build it with --features bugs");
}

/// Whether the bug with this number is on.
#[inline]
#[must_use]
pub fn is_number_on(number: u16) -> bool {
    #[cfg(feature = "bugs")]
    return ON.get() == number;
    #[cfg(not(feature = "bugs"))]
    {
        let _ = number;
        false
    }
}

bugs! {
    /// A rule of the protocol that is broken on purpose.
    Bug:
    1 "3.4" TwoVotes "two-votes"
        "A server votes once a term, so that two candidates cannot both win it." "I2 I1";
}

/// Whether a bug is on.
#[inline]
#[must_use]
pub fn is_on(bug: Bug) -> bool {
    is_number_on(bug.number())
}
