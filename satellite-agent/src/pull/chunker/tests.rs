use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use spokegate_contract::cbor;

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    cbor::from_json(value, &mut out).unwrap();
    out
}

fn chunks(rows: &[Vec<u8>]) -> Vec<Chunk> {
    let mut chunker = Chunker::new();
    let mut chunks: Vec<Chunk> = rows
        .iter()
        .filter_map(|row| chunker.push(row).unwrap())
        .collect();
    chunks.push(chunker.finish().unwrap());
    chunks
}

#[test]
fn an_empty_table_is_one_empty_chunk() {
    let digest: [u8; 32] = Sha256::digest([0x80]).into();
    assert_eq!(
        chunks(&[]),
        [Chunk {
            sequence: 0,
            body: Bytes::from_static(&[0x80]),
            last: Some(digest)
        }]
    );
}

#[test]
fn the_head_is_the_shortest_form() {
    for rows in [1, 23, 24, 255, 256, 2_000] {
        let table = vec![encode(&json!({})); rows];
        let expected = encode(&Value::Array(vec![json!({}); rows]));
        assert_eq!(chunks(&table)[0].body, expected, "{rows} rows");
    }
}

#[test]
fn rows_per_chunk_are_bounded() {
    let sizes = |rows| {
        chunks(&vec![encode(&json!({})); rows])
            .iter()
            .map(|c| c.body.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(CHUNK_ROWS_MAX), [CHUNK_ROWS_MAX + 3]);
    assert_eq!(sizes(CHUNK_ROWS_MAX + 1), [CHUNK_ROWS_MAX + 3, 2]);
}

#[test]
fn the_first_chunk_is_small_and_the_rest_reach_the_target() {
    let row = encode(&json!({ "a": "x".repeat(990) }));
    let chunks = chunks(&vec![row.clone(); 1_000]);
    let sizes: Vec<usize> = chunks.iter().map(|chunk| chunk.body.len()).collect();
    for (size, target) in sizes.iter().zip([
        16_384,
        32_768,
        65_536,
        CHUNK_BYTES_TARGET,
        CHUNK_BYTES_TARGET,
    ]) {
        assert!(
            *size <= target && *size > target - row.len() - 3,
            "{sizes:?}"
        );
    }
}

#[test]
fn a_row_of_a_chunks_size_goes_and_a_longer_one_does_not() {
    let mut chunker = Chunker::new();
    chunker.push(&[0; 10]).unwrap();
    let closed = chunker.push(&vec![0; ROW_BYTES_MAX]).unwrap();
    assert_eq!(closed.map(|chunk| chunk.body.len()), Some(11));
    assert_eq!(
        chunker.push(&vec![0; ROW_BYTES_MAX + 1]),
        Err(TooLarge::Row {
            row: 3,
            bytes: ROW_BYTES_MAX + 1
        })
    );
    let last = Chunker::finish(chunker).unwrap();
    assert_eq!(last.body.len(), ROW_BYTES_MAX + 1);
    assert!(last.body.len() <= CHUNK_BYTES_MAX);
}

#[test]
fn rows_and_bytes_of_an_answer_are_bounded() {
    let mut chunker = Chunker::new();
    for _ in 0..PULL_ROWS_MAX {
        chunker.push(&[0xa0]).unwrap();
    }
    assert_eq!(chunker.push(&[0xa0]), Err(TooLarge::Rows));

    let row = vec![0; ROW_BYTES_MAX];
    let mut chunker = Chunker::new();
    let fault = (0..PULL_CHUNKS_MAX).find_map(|_| chunker.push(&row).err());
    assert_eq!(fault, Some(TooLarge::Bytes));
    assert!(chunker.bytes <= PULL_BYTES_MAX + CHUNK_BYTES_MAX as u64);
}

proptest! {
    #[test]
    fn the_chunks_are_the_table(rows in proptest::collection::vec(row(), 0..400)) {
        let encoded: Vec<Vec<u8>> = rows.iter().map(encode).collect();
        let chunks = chunks(&encoded);
        let mut joined = Vec::new();
        let mut all = Sha256::new();
        for (index, chunk) in chunks.iter().enumerate() {
            prop_assert_eq!(chunk.sequence as usize, index);
            prop_assert_eq!(chunk.last.is_some(), index + 1 == chunks.len());
            prop_assert!(chunk.body.len() <= CHUNK_BYTES_MAX);
            prop_assert!(index == 0 || chunk.body[0] != 0x80, "only an empty table has an empty chunk");
            all.update(&chunk.body);
            let (count, head) = match chunk.body[0] {
                0x98 => (usize::from(chunk.body[1]), 2),
                0x99 => (usize::from(u16::from_be_bytes([chunk.body[1], chunk.body[2]])), 3),
                lead => (usize::from(lead & 0x1f), 1),
            };
            prop_assert!(count <= CHUNK_ROWS_MAX);
            joined.extend_from_slice(&chunk.body[head..]);
        }
        prop_assert_eq!(joined, encoded.concat());
        prop_assert_eq!(chunks.last().unwrap().last, Some(all.finalize().into()));
    }
}

fn row() -> impl Strategy<Value = Value> {
    ("[a-z]{0,12}", 0usize..900, any::<i32>()).prop_map(
        |(text, padding, number)| json!({ "h": text, "n": number, "p": "x".repeat(padding) }),
    )
}
