//! Every bound the engine keeps, as a named constant and as a field to override it.

use crate::locale::Locale;

/// Largest template package accepted, in bytes.
pub const PACKAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most entries a template package may hold.
pub const ENTRIES_MAX: usize = 2_000;
/// Largest growth from compressed to inflated size, over the whole package.
pub const INFLATE_RATIO_MAX: u64 = 200;
/// Packages that inflate to less than this many bytes are not judged by their ratio.
pub const INFLATE_FREE_BYTES: u64 = 4 * 1024 * 1024;
/// Largest package after inflating, in bytes.
pub const INFLATED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Largest XML part that may hold tags, in bytes.
pub const XML_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Deepest nesting of XML elements.
pub const XML_DEPTH_MAX: usize = 256;
/// Most tags in one part.
pub const TAGS_MAX: usize = 10_000;
/// Most XML a render may write, in bytes before compression.
pub const OUTPUT_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Most minijinja instructions a part may run; about 35 a row of eight columns.
pub const FUEL_MAX: u64 = 100_000_000;
/// Deepest recursion of macros inside minijinja.
pub const RECURSION_MAX: usize = 64;
/// Longest a render may take, in milliseconds.
pub const RENDER_MS_MAX: u64 = 60_000;
/// Largest text that a filter or an operator may take or make, in bytes.
pub const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most text that all filters and operators of a render may make, in bytes, whether kept or not.
pub const MADE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Most items of a list that a filter or an operator may take or make.
pub const ITEMS_MAX: usize = 1_000_000;
/// Widest field, indent, batch or slice that a filter may be asked for.
pub const WIDTH_MAX: usize = 10_000;
/// Most charts that the drawings of one part may fill.
pub const CHARTS_MAX: usize = 500;
/// Most points a series of a chart may have.
pub const CHART_POINTS_MAX: usize = 1_000;
/// Most series a chart may have.
pub const CHART_SERIES_MAX: usize = 50;
/// Longest name of a category or series in a chart, in characters; what is longer is cut.
pub const CHART_NAME_CHARS_MAX: usize = 255;
/// Longest side of a drawn chart, in English metric units: 42 cm, as A3 has.
pub const CHART_SIDE_EMU_MAX: u64 = 15_120_000;
/// Longest tag, in bytes.
pub const TAG_BYTES_MAX: usize = 8 * 1024;
/// Most faults collected before the search ends.
pub const FAULTS_MAX: usize = 50;
/// Largest picture, in bytes.
pub const PICTURE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most that a render may add to the package beside the text of its parts, in bytes before compression.
pub const ADDED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most pictures and other parts that a render may add.
pub const ADDED_PARTS_MAX: usize = 10_000;
/// Most markup that one value may become, in bytes.
pub const INSERT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most pieces, each with its own look, of one rich text.
pub const RICH_PIECES_MAX: usize = 10_000;
/// Largest text that is read as Markdown, in bytes.
pub const MARKDOWN_BYTES_MAX: usize = 1024 * 1024;
/// Most paragraphs and table cells that one Markdown text may have.
pub const MARKDOWN_BLOCKS_MAX: usize = 50_000;
/// Deepest nesting of lists and quotes in Markdown.
pub const MARKDOWN_DEPTH_MAX: usize = 64;
/// Most links and pictures that one part may get.
pub const RELATIONSHIPS_MAX: usize = 100_000;
/// Most lists that may begin anew in one render; Word counts them with 15 bits.
pub const NUMBERINGS_MAX: usize = 30_000;
/// Deflate level of rendered parts: 3 is a quarter larger and twice as fast as 6.
pub const COMPRESSION_LEVEL: u8 = 3;

/// The bounds one template is opened and rendered under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest template package, in bytes.
    pub package_bytes: usize,
    /// Most entries in the package.
    pub entries: usize,
    /// Largest package after inflating, in bytes.
    pub inflated_bytes: u64,
    /// Largest growth from compressed to inflated size.
    pub inflate_ratio: u64,
    /// Largest XML part that may hold tags, in bytes.
    pub xml_bytes: u64,
    /// Most XML a render may write, in bytes before compression.
    pub output_bytes: u64,
    /// Most minijinja instructions a part may run.
    pub fuel: u64,
    /// Longest a render may take, in milliseconds.
    pub render_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            package_bytes: PACKAGE_BYTES_MAX,
            entries: ENTRIES_MAX,
            inflated_bytes: INFLATED_BYTES_MAX,
            inflate_ratio: INFLATE_RATIO_MAX,
            xml_bytes: XML_BYTES_MAX,
            output_bytes: OUTPUT_BYTES_MAX,
            fuel: FUEL_MAX,
            render_ms: RENDER_MS_MAX,
        }
    }
}

/// How a template is opened and rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The bounds.
    pub limits: Limits,
    /// Deflate level of rendered parts, 1 to 9; what lies outside is the nearest of these.
    pub compression_level: u8,
    /// How numbers, dates and money are written, unless a tag asks for something else.
    pub locale: Locale,
    /// Whether a numbered list that lies inside a loop begins anew in each of its rounds.
    pub restart_numbering: bool,
    /// Whether Word is asked to bring a table of contents up to date when it opens the document; it asks the reader
    /// first. A document without one is not changed.
    pub refresh_fields: bool,
    /// Whether a render looks at its own output and fails rather than give a document that Word would not open.
    pub verify: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            compression_level: COMPRESSION_LEVEL,
            locale: Locale::default(),
            restart_numbering: true,
            refresh_fields: false,
            verify: true,
        }
    }
}
