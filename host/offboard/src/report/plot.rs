//! The timeline as a picture that needs neither script nor colour: each curve has its own
//! stroke, its own shape, and its name at its end. The same data is in a table, for screen
//! readers.

use std::fmt::Write as _;

use super::{
    text::count,
    ticks,
    time::seconds,
    timeline::{CURVES, Counts, Timeline},
};

/// The size of a picture, in units of its text: one for a wide window, and one for a phone, on
/// which the text must not shrink with the picture.
struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
    moments: i64,
}

const FRAMES: [Frame; 2] = [
    Frame {
        class: "wide",
        width: 860.0,
        height: 320.0,
        moments: 7,
    },
    Frame {
        class: "narrow",
        width: 360.0,
        height: 300.0,
        moments: 2,
    },
];

/// At least the width of a character of a number or a name.
const LETTER: f64 = 6.7;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;
/// The distance of two text lines.
const LINE: f64 = 16.0;
/// The number of shapes on a curve.
const SHAPES: usize = 6;

/// The timeline as HTML.
pub(super) fn html(timeline: &Timeline) -> String {
    let curves = timeline.curves();
    let (Some(span), Some((_, ends))) = (timeline.span(), curves.last()) else {
        return "<p>Nothing was sent.</p>\n".to_owned();
    };
    let words = words(span, ends);
    let mut html = String::from("<figure>\n");
    for frame in &FRAMES {
        frame.draw(&mut html, span, &curves, ends, &words);
    }
    let _ = write!(
        html,
        "<figcaption>The number of orders that had reached each state, by time (UTC): sent; accepted by the \
         service; ended; succeeded. {words}</figcaption>\n</figure>\n"
    );
    table(&mut html, span, &curves);
    html
}

fn words((first, last): (i64, i64), ends: &Counts) -> String {
    let [sent, accepted, ended, succeeded] = ends.map(count);
    format!(
        "From {} to {}: {sent} sent, {accepted} accepted, {ended} ended, {succeeded} succeeded.",
        seconds(first),
        seconds(last)
    )
}

impl Frame {
    fn draw(
        &self,
        out: &mut String,
        span: (i64, i64),
        curves: &[(i64, Counts)],
        ends: &Counts,
        words: &str,
    ) {
        let class = self.class;
        let _ = writeln!(
            out,
            "<svg class=\"plot {class}\" viewBox=\"0 0 {} {}\" role=\"img\" \
             aria-labelledby=\"plot-{class} words-{class}\">\n\
             <title id=\"plot-{class}\">Orders by time</title>\n\
             <desc id=\"words-{class}\">{words}</desc>",
            self.width, self.height
        );
        let numbers = ticks::numbers(ends[0]);
        let most = numbers.last().copied().unwrap_or(1).max(1);
        let letters = |text: String| text.chars().count() as f64 * LETTER;
        let left = 26.0 + letters(count(most));
        // Space for the longest name and the largest number.
        let right = 26.0 + letters(format!("succeeded {}", count(ends[0])));
        let area = Area {
            left,
            width: self.width - left - right,
            height: self.height - TOP - BOTTOM,
            span,
            most: most as f64,
        };
        self.axes(out, &area, &numbers);
        for curve in 0..CURVES.len() {
            area.curve(out, curve, curves);
        }
        labels(out, &area, ends);
        out.push_str("</svg>\n");
    }

    fn axes(&self, out: &mut String, area: &Area, numbers: &[u64]) {
        let (left, right, bottom) = (area.left, area.left + area.width, TOP + area.height);
        out.push_str("<g class=\"axes\">\n");
        for number in numbers {
            let y = area.y(*number);
            let _ = writeln!(
                out,
                "<path d=\"M{left:.1} {y:.1}H{right:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                left - 6.0,
                y + 4.0,
                count(*number)
            );
        }
        for (at, label) in ticks::moments(area.span, self.moments) {
            let x = area.x(at);
            let _ = writeln!(
                out,
                "<path d=\"M{x:.1} {bottom:.1}v5\"/><text x=\"{x:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\">{label}</text>",
                bottom + 19.0
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">time (UTC)</text>\n\
             <text x=\"12\" y=\"{:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 12 {:.1})\">\
             orders</text>\n</g>",
            left + area.width / 2.0,
            self.height - 6.0,
            TOP + area.height / 2.0,
            TOP + area.height / 2.0
        );
    }
}

/// The area of the curves.
struct Area {
    left: f64,
    width: f64,
    height: f64,
    span: (i64, i64),
    most: f64,
}

impl Area {
    fn x(&self, at: i64) -> f64 {
        let (first, last) = self.span;
        let length = (last - first).max(1) as f64;
        self.left + (at - first) as f64 / length * self.width
    }

    fn y(&self, orders: u64) -> f64 {
        TOP + self.height - orders as f64 / self.most * self.height
    }

    /// A step curve, with its shapes.
    fn curve(&self, out: &mut String, curve: usize, curves: &[(i64, Counts)]) {
        let mut path = format!("M{:.1} {:.1}", self.left, self.y(0));
        let mut orders = 0;
        for (at, counts) in curves.iter().filter(|(_, counts)| counts[curve] > 0) {
            if counts[curve] != orders {
                orders = counts[curve];
                let _ = write!(path, "H{:.1}V{:.1}", self.x(*at), self.y(orders));
            }
        }
        let _ = writeln!(
            out,
            "<path class=\"curve c{curve}\" d=\"{path}H{:.1}\"/>",
            self.left + self.width
        );
        let (first, last) = self.span;
        for place in 1..SHAPES {
            // Shifted, so that the shapes of different curves do not overlap.
            let part = (place as f64 - 0.2 * curve as f64) / SHAPES as f64;
            let at = first + ((last - first) as f64 * part) as i64;
            let orders = at_most(curves, at)[curve];
            shape(out, curve, self.x(at), self.y(orders));
        }
    }
}

/// The counts at a time.
fn at_most(curves: &[(i64, Counts)], at: i64) -> Counts {
    let until = curves.partition_point(|(moment, _)| *moment <= at);
    until
        .checked_sub(1)
        .and_then(|last| curves.get(last))
        .map(|(_, counts)| *counts)
        .unwrap_or_default()
}

fn shape(out: &mut String, curve: usize, x: f64, y: f64) {
    let path = match curve {
        0 => format!(
            "M{:.1} {y:.1}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
            x - 3.5
        ),
        1 => format!("M{:.1} {:.1}h6.4v6.4h-6.4z", x - 3.2, y - 3.2),
        2 => format!("M{x:.1} {:.1}l4.4 7.6h-8.8z", y - 5.0),
        _ => format!("M{x:.1} {:.1}l4.6 4.6l-4.6 4.6l-4.6 -4.6z", y - 4.6),
    };
    let _ = writeln!(out, "<path class=\"shape c{curve}\" d=\"{path}\"/>");
}

/// The names at the ends of the curves, without overlap.
fn labels(out: &mut String, area: &Area, ends: &Counts) {
    let places = apart(ends.map(|orders| area.y(orders)), TOP + area.height);
    let x = area.left + area.width;
    for (curve, place) in places.into_iter().enumerate() {
        let y = area.y(ends[curve]);
        let _ = writeln!(
            out,
            "<path class=\"leader\" d=\"M{:.1} {y:.1}L{:.1} {place:.1}\"/>",
            x + 1.0,
            x + 9.0
        );
        shape(out, curve, x + 15.0, place);
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\">{} {}</text>",
            x + 23.0,
            place + 4.0,
            CURVES[curve],
            count(ends[curve])
        );
    }
}

/// Heights from the top down, at least one line apart, and not below the last.
fn apart(mut heights: [f64; CURVES.len()], last: f64) -> [f64; CURVES.len()] {
    for place in 1..heights.len() {
        heights[place] = heights[place].max(heights[place - 1] + LINE);
    }
    let mut limit = last;
    for height in heights.iter_mut().rev() {
        *height = height.min(limit);
        limit = *height - LINE;
    }
    heights
}

/// The data as a table: the counts at a few round times, and at the end.
fn table(out: &mut String, span: (i64, i64), curves: &[(i64, Counts)]) {
    out.push_str(
        "<details class=\"numbers\"><summary>The timeline as a table</summary>\n<table>\n\
         <caption>Orders that had reached each state</caption>\n<thead><tr>\
         <th scope=\"col\">Time (UTC)</th>",
    );
    for curve in CURVES {
        let _ = write!(out, "<th scope=\"col\" class=\"number\">{curve}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let (_, last) = span;
    let mut moments: Vec<i64> = ticks::moments(span, 14)
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    moments.push(last);
    moments.dedup();
    for at in moments {
        let _ = write!(
            out,
            "<tr><th scope=\"row\" class=\"time\">{}</th>",
            seconds(at)
        );
        for orders in at_most(curves, at) {
            let _ = write!(out, "<td class=\"number\">{}</td>", count(orders));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</details>\n");
}

#[cfg(test)]
mod tests {
    use super::super::sample::{entry, moment};
    use super::*;

    #[test]
    fn the_picture_says_in_words_what_it_shows() {
        let mut timeline = Timeline::default();
        for number in 0..10 {
            let mut order = entry(number, if number < 6 { "succeeded" } else { "rejected" });
            let at = 1_795_688_430_000 + number as i64 * 60_000;
            order.moments = vec![moment(at, "sending"), moment(at + 500, &order.state)];
            timeline.add(&order);
        }
        let html = html(&timeline);
        let words = "From 2026-11-26 10:20:30 to 2026-11-26 10:29:30: 10 sent, 6 accepted, 6 ended, \
                     6 succeeded.";
        assert_eq!(html.matches(words).count(), FRAMES.len() + 1, "{html}");
        assert_eq!(html.matches("role=\"img\"").count(), FRAMES.len());
        assert!(html.contains(
            "<th scope=\"row\" class=\"time\">2026-11-26 10:25:00</th><td class=\"number\">5</td>"
        ), "{html}");
    }

    #[test]
    fn one_moment_alone_is_drawn_too() {
        let mut timeline = Timeline::default();
        let mut order = entry(1, "unknown");
        order.moments = vec![moment(7, "sending")];
        timeline.add(&order);
        let html = html(&timeline);
        assert!(html.contains("1 sent") && !html.contains("NaN"), "{html}");
    }

    #[test]
    fn what_was_never_sent_has_no_picture() {
        assert_eq!(html(&Timeline::default()), "<p>Nothing was sent.</p>\n");
    }

    #[test]
    fn names_never_lie_on_each_other() {
        for heights in [
            [12.0; 4],
            [262.0; 4],
            [12.0, 250.0, 255.0, 262.0],
            [12.0, 100.0, 110.0, 200.0],
        ] {
            let places = apart(heights, 262.0);
            for pair in places.windows(2) {
                assert!(pair[1] - pair[0] >= LINE, "{places:?}");
            }
            assert!(places[0] >= 12.0 && places[3] <= 262.0, "{places:?}");
        }
    }
}
