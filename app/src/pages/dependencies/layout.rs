//! Where the nodes of the graph stand and how its edges run: in layers from left to right, who needs something before what is needed.
//!
//! The same input always gives the same drawing, so that the browser finds what the server has drawn. Whole numbers only.

/// Nodes of a drawing; more can't be read.
pub const NODES_MOST: usize = 120;
/// Edges of a drawing.
pub const EDGES_MOST: usize = 300;

/// The width of a node.
pub const WIDTH: i32 = 170;
/// The height of a node.
pub const HEIGHT: i32 = 46;
/// Between two layers.
const ACROSS: i32 = 62;
/// Between two nodes of a layer.
const DOWN: i32 = 18;
/// What an edge takes that passes a layer.
const PASS: i32 = 14;
/// How often the order within the layers is improved.
const SWEEPS: usize = 8;

/// A drawing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Its width.
    pub width: i32,
    /// Its height.
    pub height: i32,
    /// The left upper corner of each node.
    pub nodes: Vec<(i32, i32)>,
    /// The path of each edge, with an arrow at its end.
    pub edges: Vec<String>,
}

/// Lays out that many nodes with these edges, each from who needs to what is needed; none when they are too many to be drawn.
pub fn layout(count: usize, edges: &[(usize, usize)]) -> Option<Layout> {
    if count > NODES_MOST || edges.len() > EDGES_MOST {
        return None;
    }
    let layers = layers(count, edges);
    let mut graph = Layered::new(&layers, edges);
    graph.order();
    let centers = graph.place();
    let height = |vertex: usize| if vertex < count { HEIGHT } else { 0 };
    let top = (0..centers.len()).map(|vertex| centers[vertex] - height(vertex) / 2).min().unwrap_or_default();
    let bottom = (0..centers.len()).map(|vertex| centers[vertex] + height(vertex) / 2).max().unwrap_or_default();
    let left = |layer: usize| layer as i32 * (WIDTH + ACROSS) + 1;
    let center = |vertex: usize| centers[vertex] - top + 1;
    let nodes: Vec<(i32, i32)> = (0..count).map(|n| (left(layers[n]), center(n) - HEIGHT / 2)).collect();
    let route = |n: usize| {
        let (from, to) = edges[n];
        let way: Vec<(i32, i32)> = graph.ways[n].iter().map(|vertex| (left(graph.layer_of[*vertex]), center(*vertex))).collect();
        if layers[from] < layers[to] { forward(&way) } else { backward(&way) }
    };
    Some(Layout {
        width: layers.iter().copied().max().map_or(0, |last| left(last) + WIDTH + 1),
        height: bottom - top + 2,
        nodes,
        edges: (0..edges.len()).map(route).collect(),
    })
}

/// The layer of each node: one more than that of all who need it. Edges that close a circle don't count.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut next = vec![Vec::new(); count];
    for (from, to) in edges.iter().filter(|(from, to)| from != to) {
        next[*from].push(*to);
    }
    // Depth first; what leads back to the way that one has come closes a circle.
    let (mut state, mut finished, mut acyclic) = (vec![0_u8; count], Vec::new(), vec![Vec::new(); count]);
    let mut starts: Vec<usize> = (0..count).collect();
    // Who nobody needs first, so that circles are broken behind them.
    starts.sort_by_key(|n| next.iter().any(|all| all.contains(n)));
    for start in starts {
        let mut way = if state[start] == 0 { vec![(start, 0)] } else { Vec::new() };
        while let Some((node, at)) = way.pop() {
            state[node] = state[node].max(1);
            match next[node].get(at) {
                Some(to) => {
                    way.push((node, at + 1));
                    if state[*to] != 1 {
                        acyclic[node].push(*to);
                    }
                    if state[*to] == 0 {
                        way.push((*to, 0));
                    }
                }
                None if state[node] == 1 => {
                    state[node] = 2;
                    finished.push(node);
                }
                None => {}
            }
        }
    }
    let mut layers = vec![0; count];
    for node in finished.iter().rev() {
        for to in &acyclic[*node] {
            layers[*to] = layers[*to].max(layers[*node] + 1);
        }
    }
    // Who nobody needs stands right before what they need.
    for n in 0..count {
        let is_needed = acyclic.iter().any(|all| all.contains(&n));
        if let Some(nearest) = acyclic[n].iter().map(|to| layers[*to]).min().filter(|_| !is_needed) {
            layers[n] = nearest - 1;
        }
    }
    layers
}

/// Nodes, and where edges pass, layer by layer.
struct Layered {
    /// The vertices of each layer from above; those from `count` on are where edges pass.
    layers: Vec<Vec<usize>>,
    layer_of: Vec<usize>,
    /// The vertices of each edge from left to right.
    ways: Vec<Vec<usize>>,
    count: usize,
    left: Vec<Vec<usize>>,
    right: Vec<Vec<usize>>,
}

impl Layered {
    fn new(layer_of_nodes: &[usize], edges: &[(usize, usize)]) -> Self {
        let count = layer_of_nodes.len();
        let mut layer_of = layer_of_nodes.to_vec();
        let mut layers = vec![Vec::new(); layer_of.iter().max().map_or(0, |last| last + 1)];
        (0..count).for_each(|n| layers[layer_of[n]].push(n));
        let mut ways = Vec::with_capacity(edges.len());
        for (from, to) in edges {
            let (start, end) = if layer_of[*from] <= layer_of[*to] { (*from, *to) } else { (*to, *from) };
            let mut way = vec![start];
            let between = layer_of[start] + 1..layer_of[end];
            for (layer, vertices) in layers.iter_mut().enumerate().take(between.end).skip(between.start) {
                vertices.push(layer_of.len());
                way.push(layer_of.len());
                layer_of.push(layer);
            }
            way.push(end);
            ways.push(way);
        }
        let (mut left, mut right) = (vec![Vec::new(); layer_of.len()], vec![Vec::new(); layer_of.len()]);
        for pair in ways.iter().flat_map(|way| way.windows(2)).filter(|pair| layer_of[pair[0]] < layer_of[pair[1]]) {
            right[pair[0]].push(pair[1]);
            left[pair[1]].push(pair[0]);
        }
        Self { layers, layer_of, ways, count, left, right }
    }

    /// Orders each layer by the means of its neighbours, there and back, and keeps the order with the fewest crossings.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            let is_there = sweep % 2 == 0;
            let all: Vec<usize> =
                if is_there { (1..self.layers.len()).collect() } else { (0..self.layers.len().saturating_sub(1)).rev().collect() };
            for layer in all {
                let beside = if is_there { layer - 1 } else { layer + 1 };
                let places = self.places(beside);
                let neighbours = if is_there { &self.left } else { &self.right };
                let mean = |(place, vertex): (usize, &usize)| {
                    let all = &neighbours[*vertex];
                    let sum: usize = all.iter().map(|other| places[*other]).sum();
                    // Hundredths; who has no neighbours stays where they are.
                    if all.is_empty() { place * 100 } else { sum * 100 / all.len() }
                };
                let mut keyed: Vec<(usize, usize)> =
                    self.layers[layer].iter().enumerate().map(|(n, vertex)| (mean((n, vertex)), *vertex)).collect();
                keyed.sort_by_key(|(key, _)| *key);
                self.layers[layer] = keyed.into_iter().map(|(_, vertex)| vertex).collect();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
    }

    fn places(&self, layer: usize) -> Vec<usize> {
        let mut places = vec![0; self.layer_of.len()];
        self.layers[layer].iter().enumerate().for_each(|(place, vertex)| places[*vertex] = place);
        places
    }

    fn crossings(&self) -> usize {
        let mut crossings = 0;
        for layer in 1..self.layers.len() {
            let places = self.places(layer);
            let ends = self.layers[layer - 1].iter().flat_map(|from| {
                let mut ends: Vec<usize> = self.right[*from].iter().map(|to| places[*to]).collect();
                ends.sort_unstable();
                ends
            });
            let ends: Vec<usize> = ends.collect();
            crossings += ends.iter().enumerate().map(|(n, end)| ends[..n].iter().filter(|before| *before > end).count()).sum::<usize>();
        }
        crossings
    }

    /// The middle of each vertex from above: as near to its neighbours as the others of its layer let it.
    fn place(&self) -> Vec<i32> {
        let mut centers = vec![0; self.layer_of.len()];
        for layer in &self.layers {
            let mut at = 0;
            for pair in layer.windows(2) {
                centers[pair[0]] = at;
                at += self.apart(pair[0], pair[1]);
                centers[pair[1]] = at;
            }
            // In the middle of the drawing, to begin with.
            layer.iter().for_each(|vertex| centers[*vertex] -= at / 2);
        }
        for sweep in 0..SWEEPS {
            let neighbours = if sweep % 2 == 0 { &self.left } else { &self.right };
            let order: Vec<usize> = if sweep % 2 == 0 { (0..self.layers.len()).collect() } else { (0..self.layers.len()).rev().collect() };
            for layer in order {
                let wanted = |vertex: &usize| {
                    let all = &neighbours[*vertex];
                    if all.is_empty() { centers[*vertex] } else { all.iter().map(|other| centers[*other]).sum::<i32>() / all.len() as i32 }
                };
                let wanted: Vec<i32> = self.layers[layer].iter().map(wanted).collect();
                let placed = self.spread(&self.layers[layer], &wanted);
                self.layers[layer].iter().zip(placed).for_each(|(vertex, at)| centers[*vertex] = at);
            }
        }
        centers
    }

    /// As near to `wanted` as can be without overlap: what would overlap forms a block, which stands at the mean of what its members want.
    fn spread(&self, layer: &[usize], wanted: &[i32]) -> Vec<i32> {
        // Each block: where its first member stands, the sum of what its members want of that, and how many they are.
        let mut blocks: Vec<(i32, i32, i32)> = Vec::new();
        let mut offsets = vec![0; layer.len()];
        for n in 1..layer.len() {
            offsets[n] = offsets[n - 1] + self.apart(layer[n - 1], layer[n]);
        }
        for n in 0..layer.len() {
            let want = wanted[n] - offsets[n];
            blocks.push((want, want, 1));
            while let [.., before, last] = blocks.as_slice()
                && before.0 > last.0
            {
                let (sum, members) = (before.1 + last.1, before.2 + last.2);
                blocks.truncate(blocks.len() - 2);
                blocks.push((sum / members, sum, members));
            }
        }
        let firsts = blocks.into_iter().flat_map(|(at, _, members)| (0..members).map(move |_| at));
        firsts.zip(offsets).map(|(at, offset)| at + offset).collect()
    }

    /// Between the middles of two neighbours in a layer.
    fn apart(&self, one: usize, other: usize) -> i32 {
        let half = |vertex: usize| if vertex < self.count { (HEIGHT + DOWN) / 2 } else { PASS };
        half(one) + half(other)
    }
}

/// From the right side of the first to the left side of the last, straight where it passes a layer.
fn forward(way: &[(i32, i32)]) -> String {
    let mut path = String::new();
    let (mut x, mut y) = (way[0].0 + WIDTH, way[0].1);
    path.push_str(&format!("M{x} {y}"));
    for (n, (left, to)) in way.iter().enumerate().skip(1) {
        let middle = (x + left) / 2;
        path.push_str(&format!("C{middle} {y} {middle} {to} {left} {to}"));
        (x, y) = (*left, *to);
        if n + 1 < way.len() {
            x += WIDTH;
            path.push_str(&format!("H{x}"));
        }
    }
    path.push_str(&format!("M{} {}L{x} {y}L{} {}", x - 7, y - 4, x - 7, y + 4));
    path
}

/// The other way: from the left side of the last to the right side of the first. Of one layer, around at the right.
fn backward(way: &[(i32, i32)]) -> String {
    let mut path = String::new();
    let (first, last) = (way[0], way[way.len() - 1]);
    if first.0 == last.0 {
        let (x, out) = (first.0 + WIDTH, first.0 + WIDTH + ACROSS / 2);
        return format!(
            "M{x} {}C{out} {} {out} {} {x} {}M{} {}L{x} {}L{} {}",
            last.1,
            last.1,
            first.1,
            first.1,
            x + 7,
            first.1 - 4,
            first.1,
            x + 7,
            first.1 + 4
        );
    }
    let (mut x, mut y) = last;
    path.push_str(&format!("M{x} {y}"));
    for (n, (left, to)) in way.iter().enumerate().rev().skip(1) {
        let (right, middle) = (left + WIDTH, (x + left + WIDTH) / 2);
        path.push_str(&format!("C{middle} {y} {middle} {to} {right} {to}"));
        (x, y) = (right, *to);
        if n > 0 {
            x = *left;
            path.push_str(&format!("H{x}"));
        }
    }
    path.push_str(&format!("M{} {}L{x} {y}L{} {}", x + 7, y - 4, x + 7, y + 4));
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{EDGES_MOST, HEIGHT, NODES_MOST, WIDTH, layers, layout};

    #[test]
    fn who_needs_something_stands_left_of_it() {
        // web → cart → db, web → db, jobs → db: jobs stands right before what it needs.
        let edges = [(0, 1), (1, 2), (0, 2), (3, 2)];
        assert_eq!(layers(4, &edges), [0, 1, 2, 1]);
        let drawn = layout(4, &edges).unwrap();
        assert!(drawn.nodes[0].0 < drawn.nodes[1].0 && drawn.nodes[1].0 < drawn.nodes[2].0 && drawn.nodes[1].0 == drawn.nodes[3].0);
        assert_eq!(drawn.edges.len(), 4);
        assert_eq!(drawn.edges[2].matches('C').count(), 2, "it passes the layer between: {}", drawn.edges[2]);
        assert_eq!(drawn, layout(4, &edges).unwrap(), "it is the same each time");
    }

    #[test]
    fn a_straight_line_is_drawn_as_one_and_crossings_that_need_not_be_are_not_there() {
        let line = layout(3, &[(0, 1), (1, 2)]).unwrap();
        assert!(line.nodes.iter().all(|(_, y)| *y == line.nodes[0].1), "{line:?}");
        // 0 → 3, 1 → 2: in the order given they would cross.
        let two = layout(4, &[(0, 3), (1, 2)]).unwrap();
        assert_eq!((two.nodes[0].1, two.nodes[1].1), (two.nodes[3].1, two.nodes[2].1));
    }

    #[test]
    fn circles_are_drawn_with_an_edge_back_and_hang_nothing() {
        let drawn = layout(3, &[(0, 1), (1, 2), (2, 0), (1, 1)]).unwrap();
        assert!(drawn.nodes[0].0 < drawn.nodes[1].0 && drawn.nodes[1].0 < drawn.nodes[2].0, "{drawn:?}");
        let back = &drawn.edges[2];
        assert!(back.starts_with(&format!("M{} ", drawn.nodes[2].0)), "{back}");
        assert!(back.contains(&format!("L{} ", drawn.nodes[0].0 + WIDTH)), "{back}");
        let all: Vec<_> = (0..17).flat_map(|a| (0..17).map(move |b| (a, b))).filter(|(a, b)| a != b).collect();
        assert_eq!(layout(17, &all).unwrap().edges.len(), 272);
    }

    #[test]
    fn what_is_too_much_to_be_read_is_not_drawn_and_the_most_is_drawn_in_no_time() {
        assert_eq!(layout(NODES_MOST + 1, &[]), None);
        assert_eq!(layout(1_000, &(1..1_000).map(|n| (0, n)).collect::<Vec<_>>()), None);
        assert_eq!(layout(2, &vec![(0, 1); EDGES_MOST + 1]), None);
        let chain: Vec<_> =
            (1..NODES_MOST).map(|n| (n - 1, n)).chain((0..EDGES_MOST - NODES_MOST).map(|n| (n % 40, 60 + n % 60))).collect();
        let began = std::time::Instant::now();
        assert!(layout(NODES_MOST, &chain).is_some());
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(layout(0, &[]).unwrap().nodes, []);
    }

    proptest! {
        #[test]
        fn no_node_covers_another_and_nothing_is_outside(edges in proptest::collection::vec((0_usize..14, 0_usize..14), 0..40)) {
            let drawn = layout(14, &edges).unwrap();
            for (n, (x, y)) in drawn.nodes.iter().enumerate() {
                prop_assert!(*x >= 0 && *y >= 0 && x + WIDTH <= drawn.width && y + HEIGHT <= drawn.height, "{:?}", drawn);
                for (other_x, other_y) in &drawn.nodes[n + 1..] {
                    prop_assert!(x != other_x || (y - other_y).abs() >= HEIGHT, "{:?}", drawn);
                }
            }
        }
    }
}
