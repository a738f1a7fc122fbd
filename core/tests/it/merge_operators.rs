//! Random operands to every built-in operator: however neighbours are put together first, the value is the same. That is what
//! lets a compaction put together what it finds. A failure prints its seed.

use esker::{MergeOperator, Operators};

use crate::support::rng::Rng;

fn json(rng: &mut Rng, depth: usize) -> String {
    match rng.below(if depth == 0 { 4 } else { 7 }) {
        0 => "null".to_owned(),
        1 => rng.below(3).to_string(),
        2 => "\"x\"".to_owned(),
        3 => "[1, null]".to_owned(),
        _ => {
            let members: Vec<String> = (0..rng.below(4))
                .map(|_| format!("\"{}\":{}", ["a", "b", "c"][rng.below(3)], json(rng, depth - 1)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

fn operand(name: &str, rng: &mut Rng) -> Vec<u8> {
    match name {
        "add_u64" | "add_i64" => {
            let n = [rng.below(10) as u64, u64::MAX - rng.below(10) as u64, rng.next()][rng.below(3)];
            n.to_le_bytes().to_vec()
        }
        "json_merge_patch" => json(rng, 3).into_bytes(),
        _ => (0..rng.below(6)).map(|_| rng.below(256) as u8).collect(),
    }
}

fn full(operator: &dyn MergeOperator, base: Option<&[u8]>, operands: &[Vec<u8>]) -> Vec<u8> {
    let operands: Vec<&[u8]> = operands.iter().map(|operand| &operand[..]).collect();
    let mut out = Vec::new();
    operator.full_merge(b"key", base, &operands, &mut out).expect("operands that pass the check");
    out
}

/// Puts random neighbours together, where the operator can, some times over; how often it could.
fn put_together(operator: &dyn MergeOperator, operands: &mut Vec<Vec<u8>>, rng: &mut Rng) -> u64 {
    let mut merged = 0;
    for _ in 0..rng.below(6) {
        if operands.len() < 2 {
            break;
        }
        let at = rng.below(operands.len() - 1);
        let mut out = Vec::new();
        if operator.partial_merge(b"key", &operands[at], &operands[at + 1], &mut out).expect("operands that pass") {
            operands.splice(at..at + 2, [out]);
            merged += 1;
        }
    }
    merged
}

#[test]
fn operands_put_together_first_give_the_same_value() {
    let operators = Operators::new();
    for name in operators.names().chain(["append(, )"]) {
        let operator = operators.find(name).expect("a built-in operator");
        let mut merged = 0;
        for seed in 0..400 {
            let mut rng = Rng::new(seed);
            let operands: Vec<Vec<u8>> = (0..1 + rng.below(6)).map(|_| operand(name, &mut rng)).collect();
            operands.iter().for_each(|operand| operator.check_operand(b"key", operand).expect("a good operand"));
            let base = [None, Some(operand(name, &mut rng))][rng.below(2)].clone();
            let mut together = operands.clone();
            merged += put_together(&*operator, &mut together, &mut rng);
            let (apart, together) =
                (full(&*operator, base.as_deref(), &operands), full(&*operator, base.as_deref(), &together));
            assert_eq!(apart, together, "{name}, seed {seed}: {operands:?} on {base:?}");
            // Some first, the rest later: what a compaction does when newer operands are elsewhere.
            let cut = rng.below(operands.len() + 1);
            if cut > 0 && cut < operands.len() {
                let first = full(&*operator, base.as_deref(), &operands[..cut]);
                assert_eq!(full(&*operator, Some(&first), &operands[cut..]), apart, "{name}, seed {seed}, cut {cut}");
            }
        }
        assert!(merged > 200, "{name}: only {merged} pairs went together");
    }
}
