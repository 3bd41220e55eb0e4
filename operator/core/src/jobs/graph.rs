//! The order of stages.

/// Finds a cycle among nodes `0..dependencies.len()`, where `dependencies[n]` are the nodes that `n`
/// waits for. The answer lists the nodes along the cycle, each waiting for the next, the last for the
/// first. Indices out of range are ignored.
pub fn find_cycle(dependencies: &[Vec<usize>]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnPath,
        Done,
    }
    let mut marks = vec![Mark::New; dependencies.len()];
    for start in 0..dependencies.len() {
        if marks[start] != Mark::New {
            continue;
        }
        // The path from `start`, each node with the number of its dependencies that were followed.
        let mut path = vec![(start, 0)];
        marks[start] = Mark::OnPath;
        while let Some((node, followed)) = path.last_mut() {
            let node = *node;
            let Some(&next) = dependencies[node].get(*followed) else {
                marks[node] = Mark::Done;
                path.pop();
                continue;
            };
            *followed += 1;
            match marks.get(next) {
                Some(Mark::New) => {
                    marks[next] = Mark::OnPath;
                    path.push((next, 0));
                }
                Some(Mark::OnPath) => {
                    let cycle = path.iter().map(|&(node, _)| node);
                    return Some(cycle.skip_while(|&node| node != next).collect());
                }
                Some(Mark::Done) | None => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
