//! The states of a behaviour and the moves allowed between them.

use std::fmt;

use types::{Diagram, Node};

/// The states of one behaviour. Write it with [`states!`](crate::states).
pub trait State: Copy + Eq + fmt::Debug + Send + Sync + 'static {
    /// Every state.
    const ALL: &'static [Self];

    /// The state in which a run starts: the first of [`ALL`](Self::ALL).
    const START: Self;

    /// The name shown on the dashboard.
    fn name(self) -> &'static str;

    /// What happens in this state, in one line.
    fn about(self) -> &'static str;

    /// Where a run may go from here. A state without moves is final.
    fn moves(self) -> &'static [Self];

    /// Whether a run ends on reaching this state.
    fn is_final(self) -> bool {
        self.moves().is_empty()
    }
}

/// Reads the diagram off a set of states.
pub fn diagram<S: State>() -> Diagram {
    let node = |state: &S| Node {
        name: state.name().into(),
        about: state.about().into(),
        moves: state.moves().iter().map(|next| next.name().into()).collect(),
    };
    Diagram { states: S::ALL.iter().map(node).collect() }
}

/// Renders a diagram as a Mermaid state diagram.
pub fn mermaid(diagram: &Diagram) -> String {
    let id = |name: &str| match diagram.states.iter().position(|it| it.name == name) {
        Some(place) if !is_word(name) => format!("s{place}"),
        _ => name.to_owned(),
    };
    let mut lines = vec!["stateDiagram-v2".to_owned()];
    let odd = diagram.states.iter().filter(|it| !is_word(&it.name));
    lines.extend(
        odd.map(|it| format!("    state \"{}\" as {}", it.name.replace('"', "'"), id(&it.name))),
    );
    lines.extend(diagram.states.first().map(|start| format!("    [*] --> {}", id(&start.name))));
    for node in &diagram.states {
        let name = id(&node.name);
        lines.extend(node.moves.iter().map(|next| format!("    {name} --> {}", id(next))));
        if node.moves.is_empty() {
            lines.push(format!("    {name} --> [*]"));
        }
    }
    lines.join("\n")
}

/// Whether Mermaid takes a name as it is.
fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
}

/// Renders a diagram for Graphviz.
pub fn dot(name: &str, diagram: &Diagram) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut lines = vec![format!("digraph {} {{", quoted(name)), "    rankdir = LR".to_owned()];
    lines.push("    start [shape = point]".to_owned());
    let first = diagram.states.first();
    lines.extend(first.map(|it| format!("    start -> {}", quoted(&it.name))));
    for node in &diagram.states {
        let shape = if node.moves.is_empty() { "doublecircle" } else { "box" };
        let (name, about) = (quoted(&node.name), quoted(&node.about));
        lines.push(format!("    {name} [shape = {shape}, tooltip = {about}]"));
        lines.extend(node.moves.iter().map(|next| format!("    {name} -> {}", quoted(next))));
    }
    lines.push("}".to_owned());
    lines.join("\n")
}

/// Declares the states of a behaviour as a table: each state, what it does, where it may go.
///
/// ```
/// runtime::states! {
///     /// Where a check is.
///     pub enum Check {
///         /// Sleeps until the next round.
///         Waiting => [Running],
///         /// Runs the command.
///         Running => [Waiting, Done],
///         /// Nothing left to check.
///         Done => [],
///     }
/// }
/// ```
#[macro_export]
macro_rules! states {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            #[doc = $start_about:literal] $start:ident => [ $($start_next:ident),* $(,)? ]
            $(, #[doc = $about:literal] $state:ident => [ $($next:ident),* $(,)? ] )* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { #[doc = $start_about] $start, $( #[doc = $about] $state ),* }

        impl $crate::State for $name {
            const ALL: &'static [Self] = &[ Self::$start, $( Self::$state ),* ];
            const START: Self = Self::$start;

            fn name(self) -> &'static str {
                match self {
                    Self::$start => stringify!($start),
                    $( Self::$state => stringify!($state) ),*
                }
            }

            fn about(self) -> &'static str {
                match self {
                    Self::$start => $start_about.trim_ascii(),
                    $( Self::$state => $about.trim_ascii() ),*
                }
            }

            fn moves(self) -> &'static [Self] {
                match self {
                    Self::$start => &[ $( Self::$start_next ),* ],
                    $( Self::$state => &[ $( Self::$next ),* ] ),*
                }
            }
        }
    };
}
