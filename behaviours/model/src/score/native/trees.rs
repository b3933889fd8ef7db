//! Ensembles of trees: `TreeEnsembleClassifier` and `TreeEnsembleRegressor`, as ONNX Runtime
//! reckons them.

use std::collections::HashMap;

use super::{Matrix, Post, faulty, logistic};
use crate::{
    COUNT, Row,
    onnx::Node,
    score::{Attribution, ScoreError},
};

/// The most nodes of all trees.
const NODES: usize = 4_000_000;
/// The most classes or targets.
const CLASSES: usize = 256;
/// A leaf.
const LEAF: u32 = u32::MAX;

/// The trees.
#[derive(Debug)]
pub(super) struct Trees {
    roots: Vec<u32>,
    nodes: Vec<Branch>,
    /// What leaves add: to which class, how much. A leaf has a range of them.
    weights: Vec<(u32, f32)>,
    /// What there is before.
    base: Vec<f32>,
    classes: usize,
    form: Form,
    post: Post,
    /// For each node the mean of what is below it, to explain by.
    means: Vec<f64>,
    /// 1, or the count of trees where they are averaged.
    by: f32,
    /// The widest place that is asked for, and one.
    width: usize,
}

/// How classes come from sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One sum, two classes: the sum is a probability.
    Share,
    /// One sum, two classes: the sum has a sign.
    Sign,
    /// A sum for each.
    Many,
}

/// A node: a question, or a leaf.
#[derive(Clone, Copy, Debug)]
struct Branch {
    /// Which number of the row; of a leaf [`LEAF`].
    feature: u32,
    threshold: f32,
    mode: Mode,
    /// Whether a number that is none goes to `yes`.
    missing: bool,
    /// Where to go; of a leaf where its weights begin.
    yes: u32,
    /// Where else to go; of a leaf where its weights end.
    no: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    Unequal,
}

impl Branch {
    fn holds(&self, value: f32) -> bool {
        let threshold = self.threshold;
        let holds = match self.mode {
            Mode::AtMost => value <= threshold,
            Mode::Below => value < threshold,
            Mode::AtLeast => value >= threshold,
            Mode::Above => value > threshold,
            #[expect(clippy::float_cmp, reason = "it says so")]
            Mode::Equal => value == threshold,
            #[expect(clippy::float_cmp, reason = "it says so")]
            Mode::Unequal => value != threshold,
        };
        holds || (self.missing && value.is_nan())
    }
}

impl Trees {
    pub(super) fn new(node: &Node) -> Result<Self, ScoreError> {
        let told = Told { node, classifier: node.operation == "TreeEnsembleClassifier" };
        let branches = told.branches()?;
        let (weights, ranges, used) = told.weights(&branches.places)?;
        let mut nodes = branches.nodes;
        for (at, branch) in nodes.iter_mut().enumerate() {
            if branch.feature == LEAF {
                (branch.yes, branch.no) = ranges.get(&at).copied().unwrap_or((0, 0));
            }
        }
        let classes = told.classes()?;
        if used.iter().any(|it| small(*it) >= classes) {
            return Err(faulty(node, format!("has a weight for more than {classes} classes")));
        }
        let one_sum = told.classifier && classes == 2 && used.len() == 1;
        let form = match (one_sum, weights.iter().all(|it| it.1 >= 0.0)) {
            (false, _) => Form::Many,
            (true, true) => Form::Share,
            (true, false) => Form::Sign,
        };
        let sums = if form == Form::Many { classes } else { 1 };
        let weights = weights
            .into_iter()
            .map(|(class, it)| (if sums == 1 { 0 } else { class }, it))
            .collect();
        let base = told.floats("base_values");
        if base.len() > classes {
            return Err(faulty(node, "has more `base_values` than classes".to_owned()));
        }
        let base = match (form, base) {
            (Form::Many, base) => {
                (0..classes).map(|at| base.get(at).copied().unwrap_or(0.0)).collect()
            }
            (_, base) => vec![base.last().copied().unwrap_or(0.0)],
        };
        let by = match told.text("aggregate_function") {
            "" | "SUM" => 1.0,
            "AVERAGE" => branches.roots.iter().map(|_| 1.0_f32).sum(),
            other => {
                return Err(faulty(
                    node,
                    format!("has `aggregate_function` `{other}`; known are SUM, AVERAGE"),
                ));
            }
        };
        let asked = nodes.iter().filter(|it| it.feature != LEAF).map(|it| small(it.feature) + 1);
        let width = asked.max().unwrap_or(0);
        if width > COUNT {
            return Err(faulty(node, format!("asks for number {width} of {COUNT}")));
        }
        let mut trees = Self {
            roots: branches.roots,
            nodes,
            weights,
            base,
            classes,
            form,
            post: Post::of(node)?,
            means: Vec::new(),
            by,
            width,
        };
        trees.means = trees.means(&branches.order);
        Ok(trees)
    }

    pub(super) fn apply<'a>(&self, from: &Matrix<'a>) -> Result<Matrix<'a>, ScoreError> {
        if from.width < self.width {
            let fault = format!("asks for number {} of {}", self.width, from.width);
            return Err(ScoreError::Faulty { operation: "TreeEnsemble".to_owned(), fault });
        }
        let mut made = Vec::with_capacity(from.rows().len() * self.classes);
        let mut sums = vec![0.0_f32; self.base.len()];
        for row in from.rows() {
            sums.fill(0.0);
            for root in &self.roots {
                for (class, weight) in self.leaf(*root, row) {
                    if let Some(sum) = sums.get_mut(small(*class)) {
                        *sum += weight;
                    }
                }
            }
            for (sum, base) in sums.iter_mut().zip(&self.base) {
                *sum = *sum / self.by + base;
            }
            match (self.form, &sums[..]) {
                (Form::Share, [share]) => made.extend([1.0 - share, *share]),
                (Form::Sign, [sum]) if self.post == Post::Logistic => {
                    made.extend([logistic(-sum), logistic(*sum)]);
                }
                (Form::Sign, [sum]) => made.extend([-sum, *sum]),
                _ => {
                    self.post.apply(&mut sums);
                    made.extend_from_slice(&sums);
                }
            }
        }
        Ok(Matrix::of(self.classes, made))
    }

    /// The weights of the leaf that a row comes to.
    fn leaf(&self, root: u32, row: &[f32]) -> &[(u32, f32)] {
        let mut at = root;
        loop {
            let Some(branch) = self.nodes.get(small(at)) else { return &[] };
            if branch.feature == LEAF {
                return self.weights.get(small(branch.yes)..small(branch.no)).unwrap_or_default();
            }
            let value = row.get(small(branch.feature)).copied().unwrap_or(f32::NAN);
            at = if branch.holds(value) { branch.yes } else { branch.no };
        }
    }

    /// What each question on the way moves the last sum by (A. Saabas, "Interpreting random
    /// forests", 2014), each answer to a question counted as equally likely. All together and the
    /// base are the sum itself, before `post_transform`.
    pub(super) fn attribute(&self, row: &Row) -> Attribution {
        let by = f64::from(self.by);
        let mean = |at: u32| self.means.get(small(at)).copied().unwrap_or(0.0);
        let mut base = self.base.last().copied().map_or(0.0, f64::from);
        let mut amounts = Box::new([0.0; COUNT]);
        for root in &self.roots {
            base += mean(*root) / by;
            let mut at = *root;
            while let Some(branch) = self.nodes.get(small(at)).filter(|it| it.feature != LEAF) {
                let feature = small(branch.feature);
                let value = row.get(feature).copied().unwrap_or(f32::NAN);
                let next = if branch.holds(value) { branch.yes } else { branch.no };
                if let Some(amount) = amounts.get_mut(feature) {
                    *amount += (mean(next) - mean(at)) / by;
                }
                at = next;
            }
        }
        Attribution { base, amounts }
    }

    /// For each node the mean of the last sum's weights below it; children come before parents.
    fn means(&self, order: &[u32]) -> Vec<f64> {
        let mut means = vec![0.0; self.nodes.len()];
        let last = self.base.len().saturating_sub(1);
        for at in order {
            let Some(branch) = self.nodes.get(small(*at)) else { continue };
            let mean = if branch.feature == LEAF {
                let weights = self.weights.get(small(branch.yes)..small(branch.no));
                let weights = weights.unwrap_or_default().iter();
                weights.filter(|it| small(it.0) == last).map(|it| f64::from(it.1)).sum()
            } else {
                let below = |at: u32| means.get(small(at)).copied().unwrap_or(0.0);
                f64::midpoint(below(branch.yes), below(branch.no))
            };
            if let Some(place) = means.get_mut(small(*at)) {
                *place = mean;
            }
        }
        means
    }
}

fn small(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Where each node is, by its tree and its own number.
type Places = HashMap<(i64, i64), u32>;

/// The nodes, in order and connected.
struct Branches {
    roots: Vec<u32>,
    nodes: Vec<Branch>,
    places: Places,
    /// Each node once, children before parents.
    order: Vec<u32>,
}

/// What the attributes say.
struct Told<'a> {
    node: &'a Node,
    classifier: bool,
}

impl Told<'_> {
    fn floats(&self, name: &str) -> &[f32] {
        self.node.attributes.get(name).map_or(&[], |it| it.floats.as_slice())
    }

    fn ints(&self, name: &str) -> &[i64] {
        self.node.attributes.get(name).map_or(&[], |it| it.ints.as_slice())
    }

    fn text(&self, name: &str) -> &str {
        self.node.attributes.get(name).map_or("", |it| it.text.as_str())
    }

    fn fault(&self, fault: impl Into<String>) -> ScoreError {
        faulty(self.node, fault.into())
    }

    fn classes(&self) -> Result<usize, ScoreError> {
        let classes = if self.classifier {
            let texts =
                self.node.attributes.get("classlabels_strings").map_or(0, |it| it.texts.len());
            self.ints("classlabels_int64s").len().max(texts)
        } else {
            let targets = self.node.attributes.get("n_targets").map_or(1, |it| it.int);
            usize::try_from(targets).unwrap_or(0)
        };
        if (1..=CLASSES).contains(&classes) {
            return Ok(classes);
        }
        Err(self.fault(format!("has {classes} classes; it would have to have 1 to {CLASSES}")))
    }

    fn branches(&self) -> Result<Branches, ScoreError> {
        if self.node.attributes.values().any(|it| it.other) {
            return Err(self.fault("has thresholds or weights of f64; known are those of f32"));
        }
        let trees = self.ints("nodes_treeids");
        let count = trees.len();
        if count == 0 || count > NODES {
            return Err(
                self.fault(format!("has {count} nodes; it would have to have 1 to {NODES}"))
            );
        }
        let missing = self.ints("nodes_missing_value_tracks_true");
        let modes = self.node.attributes.get("nodes_modes").map_or(&[][..], |it| &it.texts);
        let numbers =
            ["nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"];
        let [ids, features, yes, no] = numbers.map(|it| self.ints(it));
        let thresholds = self.floats("nodes_values");
        let lengths =
            [ids.len(), features.len(), yes.len(), no.len(), thresholds.len(), modes.len()];
        if lengths.iter().any(|it| *it != count) || !(missing.is_empty() || missing.len() == count)
        {
            return Err(self.fault("does not say the same of each node"));
        }
        let mut places = HashMap::with_capacity(count);
        for (at, key) in (0_u32..).zip(trees.iter().copied().zip(ids.iter().copied())) {
            if places.insert(key, at).is_some() {
                return Err(self.fault(format!("has node {} of tree {} twice", key.1, key.0)));
            }
        }
        let mut nodes = Vec::with_capacity(count);
        let asks = features.iter().zip(thresholds).zip(modes);
        let ways = trees.iter().zip(yes.iter().zip(no));
        let missing = missing.iter().map(|it| *it != 0).chain(std::iter::repeat(false));
        let mut is_child = vec![false; count];
        for (((feature, threshold), mode), ((tree, (yes, no)), missing)) in
            asks.zip(ways.zip(missing))
        {
            let Some(mode) = self.mode(mode)? else {
                let mode = Mode::AtMost;
                nodes.push(Branch { feature: LEAF, threshold: 0.0, mode, missing, yes: 0, no: 0 });
                continue;
            };
            let mut way = |node: i64| -> Result<u32, ScoreError> {
                let place = places.get(&(*tree, node)).copied();
                let place = place
                    .ok_or_else(|| self.fault(format!("has no node {node} in tree {tree}")))?;
                match is_child.get_mut(small(place)) {
                    Some(is) if !*is => *is = true,
                    _ => {
                        return Err(
                            self.fault(format!("comes to node {node} of tree {tree} twice"))
                        );
                    }
                }
                Ok(place)
            };
            let (yes, no) = (way(*yes)?, way(*no)?);
            let feature = u32::try_from(*feature).ok().filter(|it| *it < LEAF);
            let feature =
                feature.ok_or_else(|| self.fault("asks for a number that is not there"))?;
            nodes.push(Branch { feature, threshold: *threshold, mode, missing, yes, no });
        }
        let roots: Vec<u32> =
            (0_u32..).zip(&is_child).filter(|(_, is)| !**is).map(|(at, _)| at).collect();
        let order = self.order(&roots, &nodes)?;
        Ok(Branches { roots, nodes, places, order })
    }

    /// Children before parents. Who is no one's child is a root, and nobody is the child of two, so
    /// what is not reached from a root goes round in a circle.
    fn order(&self, roots: &[u32], nodes: &[Branch]) -> Result<Vec<u32>, ScoreError> {
        let mut order = Vec::with_capacity(nodes.len());
        let mut open = roots.to_vec();
        while let Some(at) = open.pop() {
            order.push(at);
            if let Some(branch) = nodes.get(small(at)).filter(|it| it.feature != LEAF) {
                open.extend([branch.yes, branch.no]);
            }
        }
        if order.len() != nodes.len() {
            return Err(self.fault("has nodes that go round in a circle"));
        }
        order.reverse();
        Ok(order)
    }

    fn mode(&self, name: &str) -> Result<Option<Mode>, ScoreError> {
        Ok(Some(match name {
            "LEAF" => return Ok(None),
            "BRANCH_LEQ" => Mode::AtMost,
            "BRANCH_LT" => Mode::Below,
            "BRANCH_GTE" => Mode::AtLeast,
            "BRANCH_GT" => Mode::Above,
            "BRANCH_EQ" => Mode::Equal,
            "BRANCH_NEQ" => Mode::Unequal,
            other => return Err(self.fault(format!("has a node of mode `{other}`"))),
        }))
    }

    /// What leaves add, those of a leaf side by side; where each leaf's are; and which classes
    /// there are.
    #[expect(clippy::type_complexity, reason = "three tables that are read once")]
    fn weights(
        &self,
        places: &Places,
    ) -> Result<(Vec<(u32, f32)>, HashMap<usize, (u32, u32)>, Vec<u32>), ScoreError> {
        let kind = if self.classifier { "class" } else { "target" };
        let ints = |what: &str| self.ints(&format!("{kind}_{what}")).iter().copied();
        let amounts = self.floats(&format!("{kind}_weights"));
        let (trees, nodes, classes) = (ints("treeids"), ints("nodeids"), ints("ids"));
        if [trees.len(), nodes.len(), classes.len()].iter().any(|it| *it != amounts.len())
            || amounts.len() > NODES
        {
            return Err(self.fault("does not say the same of each weight"));
        }
        let mut told = Vec::with_capacity(amounts.len());
        for (((tree, node), class), amount) in trees.zip(nodes).zip(classes).zip(amounts) {
            let place = places.get(&(tree, node));
            let place =
                place.ok_or_else(|| self.fault(format!("has no leaf {node} in tree {tree}")))?;
            let class = u32::try_from(class).map_err(|_| self.fault("has a class below 0"))?;
            told.push((small(*place), class, *amount));
        }
        told.sort_by_key(|it| (it.0, it.1));
        let mut ranges: HashMap<usize, (u32, u32)> = HashMap::new();
        for (at, (place, ..)) in (0_u32..).zip(&told) {
            ranges.entry(*place).or_insert((at, at)).1 = at + 1;
        }
        let mut used: Vec<u32> = told.iter().map(|it| it.1).collect();
        used.sort_unstable();
        used.dedup();
        Ok((told.into_iter().map(|it| (it.1, it.2)).collect(), ranges, used))
    }
}
