//! Delta debugging: the smallest part of a list that still does something (Zeller and Hildebrandt, "Simplifying and Isolating
//! Failure-Inducing Input", 2002).
//!
//! Everything is left out first, then large pieces, then smaller ones, then single items, until no single item can be left
//! out. What it simplifies: only complements are tried, since the pieces alone hardly ever fail.

/// Leaves out what can be left out, in pieces of no fewer than `smallest` items. `keep` is asked whether the rest still does
/// it, and may refuse for want of time.
pub(super) fn reduce<T: Clone>(items: &mut Vec<T>, smallest: usize, mut keep: impl FnMut(&[T]) -> bool) -> bool {
    let mut is_smaller = false;
    let mut size = items.len();
    while size >= smallest.max(1) && !items.is_empty() {
        let mut begin = 0;
        let mut is_useful = false;
        while begin < items.len() {
            let end = (begin + size).min(items.len());
            let rest: Vec<T> = items[..begin].iter().chain(&items[end..]).cloned().collect();
            if keep(&rest) {
                *items = rest;
                (is_smaller, is_useful) = (true, true);
            } else {
                begin = end;
            }
        }
        size = match (size, is_useful) {
            (1, true) => 1,
            (1, false) => 0,
            (size, _) => size.div_ceil(2).min(size - 1),
        };
    }
    is_smaller
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_left() {
        let mut items: Vec<u32> = (0..1_000).collect();
        let mut tries = 0;
        assert!(reduce(&mut items, 1, |rest| {
            tries += 1;
            [17, 400, 999].iter().all(|wanted| rest.contains(wanted))
        }));
        assert_eq!(items, [17, 400, 999]);
        assert!(tries < 200, "{tries}");
    }

    #[test]
    fn nothing_is_left_if_nothing_matters_and_everything_if_all_does() {
        let mut items = vec![1, 2, 3];
        assert!(reduce(&mut items, 1, |_| true));
        assert!(items.is_empty());
        let mut items = vec![1, 2, 3];
        assert!(!reduce(&mut items, 1, |rest| rest.len() == 3));
        assert_eq!(items, [1, 2, 3]);
    }

    #[test]
    fn items_that_need_each_other_go_one_after_the_other() {
        // 3 may go only when 2 is gone, 2 only when 1 is gone.
        let mut items = vec![3, 2, 1, 0];
        reduce(&mut items, 1, |rest| {
            let has = |item| rest.contains(&item);
            has(0) && (has(3) || !has(2)) && (has(2) || !has(1))
        });
        assert_eq!(items, [0]);
    }
}
