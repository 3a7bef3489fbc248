//! The examples say what they promise.
//!
//! Each is a program of its own for people to read (Herlihy and Wing, 1990, has such objects for theory); here it is run.
//! What it simplifies: what matters of the text is compared, not every word of it.

#[path = "../examples/bank.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod bank;
#[path = "../examples/map.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod map;
#[path = "../examples/register.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod register;
#[path = "../examples/swap_register.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod swap_register;

#[test]
fn a_register() {
    let expected = "read 0 during the write and 7 after it: linearizable\n\
                    read 7 during the write and 7 after it: linearizable\n\
                    read 7 during the write and 0 after it: not linearizable\n";
    assert_eq!(register::example(), expected);
}

#[test]
fn a_swap_register() {
    let text = swap_register::example();
    assert!(text.contains("Swap { expected: 0, new: 2 }"), "{text}");
}

#[test]
fn a_map() {
    let text = map::example();
    assert!(text.starts_with("linearizable: Some(false)\n"), "{text}");
    assert!(text.contains("sequentially consistent: Violation"), "{text}");
    assert!(text.contains("read your writes: held\nmonotonic reads: held\n"), "{text}");
    assert!(text.contains("monotonic writes: operation #3 is too old, #0 was due\n"), "{text}");
}

#[test]
fn a_bank() {
    let text = bank::example();
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(text.ends_with("Bonn: request 4 was answered Moved, which nothing explains in \"Bonn\"\n"), "{text}");
    assert_eq!(text.matches("which nothing explains").count(), 1, "{text}");
}
