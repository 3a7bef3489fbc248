//! What drawings have in common: scales, lines and marks of an axis.
//!
//! Nothing is decided by the floats in here; they are places on a page.

/// From figures to places along an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    begin: f64,
    end: f64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Linear,
    Logarithmic,
}

/// A mark of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: String,
    pub(super) label: String,
}

impl Scale {
    /// `from` lies at `begin` and `to` at `end`.
    pub(super) fn linear((from, to): (u64, u64), (begin, end): (u32, u32)) -> Scale {
        let (from, to) = (from as f64, to.max(from.saturating_add(1)) as f64);
        Scale { from, to, begin: f64::from(begin), end: f64::from(end), kind: Kind::Linear }
    }

    /// The same, where every tenfold is as long. Zero lies where one does.
    pub(super) fn logarithmic((from, to): (u64, u64), (begin, end): (u32, u32)) -> Scale {
        let from = from.max(1);
        let (from, to) = ((from as f64).log10(), (to.max(from.saturating_add(1)) as f64).log10());
        Scale { from, to, begin: f64::from(begin), end: f64::from(end), kind: Kind::Logarithmic }
    }

    /// Where a figure lies.
    pub(super) fn at(self, figure: u64) -> f64 {
        let figure = match self.kind {
            Kind::Linear => figure as f64,
            Kind::Logarithmic => (figure.max(1) as f64).log10(),
        };
        let share = ((figure - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.begin + share * (self.end - self.begin)
    }

    /// Marks at these figures.
    pub(super) fn marks(self, figures: impl IntoIterator<Item = (u64, String)>) -> Vec<Mark> {
        figures.into_iter().map(|(figure, label)| Mark { at: place(self.at(figure)), label }).collect()
    }
}

/// A place as SVG writes it.
pub(super) fn place(place: f64) -> String {
    format!("{place:.1}")
}

/// The powers of ten from 1 to a figure.
pub(super) fn tens(to: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1_u64), |ten| ten.checked_mul(10)).take_while(move |ten| *ten <= to)
}

/// The points of a line, as the attribute `points` takes them.
pub(super) fn points(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    points.into_iter().map(|(x, y)| format!("{},{}", place(x), place(y))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_lie_between_the_ends() {
        let scale = Scale::linear((0, 10), (100, 0));
        assert_eq!([0, 5, 10, 99].map(|figure| place(scale.at(figure))), ["100.0", "50.0", "0.0", "0.0"]);
        let scale = Scale::logarithmic((1, 1_000), (0, 30));
        assert_eq!([0, 1, 10, 1_000].map(|figure| place(scale.at(figure))), ["0.0", "0.0", "10.0", "30.0"]);
        for scale in
            [Scale::linear((5, 5), (0, 9)), Scale::logarithmic((0, 0), (0, 9)), Scale::linear((u64::MAX, 0), (0, 9))]
        {
            assert!(scale.at(5).is_finite());
        }
        assert_eq!(tens(100).collect::<Vec<_>>(), [1, 10, 100]);
        assert_eq!(tens(u64::MAX).count(), 20);
    }
}
