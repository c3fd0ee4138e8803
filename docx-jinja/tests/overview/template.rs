//! The body of the customer overview.

use crate::build::{
    Column, PAGE_WIDTH, cell, chapter, layout, looping, paragraph, run, statement, text,
};

const NAMESPACE: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const NAVY: &str = "1F3A5F";
const TEAL: &str = "0F7B8A";
const GOOD: &str = "1E7B4A";
const BAD: &str = "B3352B";
const GREY: &str = "6B7A8A";
const AMBER: &str = "B9770E";

/// The main document part.
pub(crate) fn document() -> String {
    let body = [
        cover(),
        at_a_glance(),
        missing(),
        statement("for t in tenants"),
        tenant(),
        statement("endfor"),
    ]
    .concat();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <w:document xmlns:w=\"{NAMESPACE}\" xmlns:r=\"{RELATIONSHIPS}\"><w:body>{body}\
         <w:sectPr><w:headerReference w:type=\"default\" r:id=\"rId3\"/><w:footerReference w:type=\"default\" r:id=\"rId4\"/>\
         <w:footerReference w:type=\"first\" r:id=\"rId4\"/><w:pgSz w:w=\"11906\" w:h=\"16838\"/>\
         <w:pgMar w:top=\"1304\" w:right=\"1134\" w:bottom=\"1134\" w:left=\"1134\" w:header=\"624\" w:footer=\"567\" w:gutter=\"0\"/>\
         <w:titlePg/></w:sectPr></w:body></w:document>"
    )
}

/// A run that is there only under a condition: so Word can open the template, which would refuse a tag where
/// it expects a colour.
fn when(condition: &str, colour: &str, content: &str) -> String {
    let look = format!("<w:b/><w:color w:val=\"{colour}\"/>");
    run(
        &look,
        &format!("{{%r if {condition} %}}{content}{{%r endif %}}"),
    )
}

fn shade(fill: &str) -> String {
    format!("<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"{fill}\"/>")
}

fn cover() -> String {
    let band = [
        text("CoverLabel", "Managed services report"),
        text("Title", "{{ params.title|default(report.title, true) }}"),
        text(
            "Subtitle",
            "{{ tenants|map(attribute=\"title\")|join(\" · \") or \"No customer chosen\" }}",
        ),
    ]
    .concat();
    let line = paragraph("Cell", &run("<w:sz w:val=\"2\"/>", " "));
    let title = layout(
        &[PAGE_WIDTH],
        &format!(
            "<w:tr>{}</w:tr><w:tr><w:trPr><w:trHeight w:val=\"100\" w:hRule=\"exact\"/></w:trPr>{}</w:tr>",
            cell(PAGE_WIDTH, &shade(NAVY), &band),
            cell(PAGE_WIDTH, &shade(TEAL), &line)
        ),
    );
    let third = PAGE_WIDTH / 3;
    let first = third + 400;
    let fact = |width, label: &str, value: &str| {
        cell(
            width,
            "",
            &(text("MetaLabel", label) + &text("MetaValue", value)),
        )
    };
    let facts = layout(
        &[first, third, PAGE_WIDTH - first - third],
        &format!(
            "<w:tr>{}{}{}</w:tr>",
            fact(first, "Made on", "{{ report.generated_at|datetime }}"),
            fact(third, "Made by", "{{ report.generated_by }}"),
            fact(
                PAGE_WIDTH - first - third,
                "Written for",
                "{{ \"Management\" if params.audience|default(\"technical\") == \"management\" else \"Technical staff\" }}"
            ),
        ),
    );
    let gap = paragraph("Cell", "");
    let note = [
        statement("if params.note|default(\"\", true)"),
        text("Callout", "{{ params.note }}"),
        statement("endif"),
    ];
    [title, gap, facts, note.concat()].concat()
}

fn at_a_glance() -> String {
    let judged = |set: &str, good: &str, value: &str| {
        let missing = format!("t.{set}.state == \"missing\"");
        when(&missing, GREY, "–")
            + &when(&format!("not {missing} and {good}"), GOOD, value)
            + &when(&format!("not {missing} and not {good}"), BAD, value)
    };
    let dash = |set: &str, value: &str| {
        format!("{{{{ \"–\" if t.{set}.state == \"missing\" else {value} }}}}")
    };
    let table = looping(
        "t in tenants",
        &[
            Column::new("Customer", 2_838, "").runs(run(
                &format!("<w:b/><w:color w:val=\"{NAVY}\"/>"),
                "{% set d = t.devices.rows|tally(\"online\") %}{% set p = t.patch_status.rows|tally(\"missing_critical\", \"compliant\") %}\
                 {% set b = t.backup_jobs.rows|tally(\"result\") %}{{ t.title }}",
            )),
            Column::new("Devices", 1_200, &dash("devices", "d.rows|number")).right(),
            Column::new("Online", 1_200, &dash("devices", "d.online.yes|number")).right(),
            Column::new("Missing critical patches", 1_700, "")
                .runs(judged("patch_status", "(p.missing_critical.positive == 0)", "{{ p.missing_critical.positive|number }}"))
                .right(),
            Column::new("At agreed patch level", 1_200, &dash("patch_status", "p.compliant.yes|percent(of=p.rows)")).right(),
            Column::new("Backups that failed", 1_500, "")
                .runs(judged("backup_jobs", "(b.result.of.failed == 0)", "{{ b.result.of.failed|number }}"))
                .right(),
        ],
    );
    [
        text("Heading2", "At a glance"),
        table,
        paragraph("Remark", ""),
    ]
    .concat()
}

fn missing() -> String {
    let names = "{\"devices\": \"Devices\", \"patch-status\": \"Patch status\", \"backup-jobs\": \"Backups\"}";
    let table = looping(
        "m in missing",
        &[
            Column::new(
                "Customer",
                2_838,
                "{{ tenants|selectattr(\"id\", \"equalto\", m.tenant)|map(attribute=\"title\")|first|default(m.tenant) }}",
            ),
            Column::new(
                "Data",
                2_000,
                "{{ data_names[m.dataset]|default(m.dataset) }}",
            ),
            Column::new("Why", 4_800, "{{ m.reason }}"),
        ],
    );
    [
        statement("if missing"),
        statement(&format!("set data_names = {names}")),
        text("Heading2", "What is missing from this report"),
        text(
            "Normal",
            "Some data could not be read when this report was made. The figures and tables concerned leave it out; all others are complete.",
        ),
        table,
        paragraph("Remark", ""),
        statement("elif tenants"),
        text("Remark", "All the data this report asks for was read; nothing is missing."),
        statement("endif"),
    ]
    .concat()
}

fn tenant() -> String {
    [
        // The first one follows what is on the cover; it would stand half empty otherwise.
        statement("if loop.first"),
        text("Heading1", "{{ t.title }}"),
        statement("else"),
        chapter("{{ t.title }}"),
        statement("endif"),
        statement("set d = t.devices.rows|tally(\"online\")"),
        statement("set p = t.patch_status.rows|tally(\"missing_critical\", \"missing_important\", \"reboot_pending\", \"compliant\")"),
        statement("set b = t.backup_jobs.rows|tally(\"result\", \"size_bytes\")"),
        statement("set technical = params.audience|default(\"technical\", true) == \"technical\""),
        statement("set only_missing = params.only_missing|default(false)"),
        figures(),
        devices(),
        patches(),
        backups(),
    ]
    .concat()
}

/// Four figures side by side.
fn figures() -> String {
    let gap = 120;
    let width = (PAGE_WIDTH - 3 * gap) / 4;
    let last = PAGE_WIDTH - 3 * gap - 3 * width;
    let figure = |width: u32, set: &str, good: &str, value: &str, label: &str| {
        let missing = format!("t.{set}.state == \"missing\"");
        let value = format!("{{{{ {value} }}}}");
        let shown = when(&missing, NAVY, "–")
            + &when(&format!("not {missing} and {good}"), NAVY, &value)
            + &when(&format!("not {missing} and not ({good})"), BAD, &value);
        let top = format!(
            "<w:tcBorders><w:top w:val=\"single\" w:sz=\"18\" w:space=\"0\" w:color=\"{TEAL}\"/></w:tcBorders>{}",
            shade("F3F6F9")
        );
        cell(
            width,
            &top,
            &(paragraph("FigureValue", &shown) + &text("FigureLabel", label)),
        )
    };
    let space = cell(gap, "", &paragraph("Cell", ""));
    let row = [
        figure(
            width,
            "devices",
            "true",
            "(d.online.yes|number) ~ \" / \" ~ (d.rows|number)",
            "devices online",
        ),
        figure(
            width,
            "patch_status",
            "p.missing_critical.positive == 0",
            "p.missing_critical.positive|number",
            "devices miss critical patches",
        ),
        figure(
            width,
            "patch_status",
            "true",
            "p.compliant.yes|percent(of=p.rows)",
            "of devices at the agreed patch level",
        ),
        figure(
            last,
            "backup_jobs",
            "b.result.of.failed == 0",
            "b.result.of.failed|number",
            "backup jobs failed",
        ),
    ]
    .join(&space);
    layout(
        &[width, gap, width, gap, width, gap, last],
        &format!("<w:tr><w:trPr><w:cantSplit/></w:trPr>{row}</w:tr>"),
    )
}

/// A section that says so in words when its data is missing.
fn section(heading: &str, set: &str, noun: &str, content: &str) -> String {
    [
        text("Heading2", heading),
        statement(&format!("if t.{set}.state == \"missing\"")),
        text("Warning", &format!("The {noun} of this customer could not be read: {{{{ t.{set}.reason|default(\"no reason was given\", true)|trim(\".\") }}}}.")),
        statement("else"),
        statement(&format!("if t.{set}.captured_at")),
        text("Remark", &format!("As of {{{{ t.{set}.captured_at|datetime }}}}.")),
        statement("endif"),
        content.to_owned(),
        statement("endif"),
    ]
    .concat()
}

fn devices() -> String {
    let status = when("r.online", GOOD, "Online") + &when("not r.online", BAD, "Offline");
    let system = run("", "{{ r.os }}")
        + &run(
            &format!("<w:color w:val=\"{GREY}\"/>"),
            " {{ r.os_version }}",
        );
    let all = looping(
        "r in t.devices.rows",
        &[
            Column::new("Device", 1_600, "{{ r.hostname }}"),
            Column::new("Type", 1_280, "{{ r.kind }}"),
            Column::new("Operating system", 1_950, "").runs(system),
            Column::new("IP address", 1_250, "{{ r.ip }}"),
            Column::new("Owner", 1_258, "{{ r.owner }}"),
            Column::new(
                "Last seen",
                1_450,
                "{{ r.last_seen|date(\"%-d %b %H:%M\") }}",
            ),
            Column::new("Status", 850, "").runs(status),
        ],
    );
    let offline = looping(
        "r in t.devices.rows if not r.online",
        &[
            Column::new("Device", 2_638, "{{ r.hostname }}"),
            Column::new("Type", 1_500, "{{ r.kind }}"),
            Column::new("Owner", 2_700, "{{ r.owner }}"),
            Column::new("Last seen", 2_800, "{{ r.last_seen|datetime }}"),
        ],
    );
    let content = [
        statement("if d.rows == 0"),
        text("Normal", "No devices are known for this customer."),
        statement("elif technical"),
        text("Normal", "All devices: {{ d.rows|number }}, of which {{ d.online.yes|number }} were online."),
        all,
        paragraph("Remark", ""),
        statement("elif d.online.no == 0"),
        text("Normal", "All {{ d.rows|number }} devices were online."),
        statement("else"),
        text("Normal", "{{ d.rows|number }} devices are looked after; {{ d.online.yes|number }} of them were online. Devices that were offline:"),
        offline,
        paragraph("Remark", ""),
        statement("endif"),
    ]
    .concat();
    section("Devices", "devices", "devices", &content)
}

fn patches() -> String {
    let count = |field: &str| {
        let value = format!("{{{{ r.{field} }}}}");
        when(&format!("r.{field}"), BAD, &value) + &when(&format!("not r.{field}"), GREY, &value)
    };
    let table = looping(
        "r in t.patch_status.rows if shows_all or r.missing_critical or (only_missing and r.missing_important)",
        &[
            Column::new("Device", 2_538, "{{ r.hostname }}"),
            Column::new("Critical missing", 1_350, "")
                .runs(count("missing_critical"))
                .right(),
            Column::new("Important missing", 1_450, "")
                .runs(count("missing_important"))
                .right(),
            Column::new(
                "Last patched",
                1_700,
                "{{ r.last_patched|date(\"%-d %b %Y\") or \"never\" }}",
            ),
            Column::new(
                "Restart pending",
                1_300,
                "{{ \"Yes\" if r.reboot_pending else \"No\" }}",
            ),
            Column::new(
                "At agreed level",
                1_300,
                "{{ \"Yes\" if r.compliant else \"No\" }}",
            ),
        ],
    );
    let content = [
        statement("set shows_all = technical and not only_missing"),
        statement("if p.rows == 0"),
        text("Normal", "No devices report their patches."),
        statement("elif not shows_all and not p.missing_critical.positive and not p.missing_important.positive"),
        text("Normal", "No device misses critical or important patches."),
        statement("else"),
        text(
            "Normal",
            "{{ p.compliant.yes|number }} of {{ p.rows|number }} devices are at the agreed patch level; {{ p.missing_critical.positive|number }} miss critical \
             patches ({{ p.missing_critical.sum|number }} in all) and {{ p.reboot_pending.yes|number }} wait for a restart.\
             {% if only_missing %} Only devices with missing patches are listed.{% elif not technical %} Devices that miss critical patches:{% endif %}",
        ),
        statement("if shows_all or p.missing_critical.positive or only_missing"),
        table,
        paragraph("Remark", ""),
        statement("endif"),
        statement("endif"),
    ]
    .concat();
    section("Patches", "patch_status", "patch status", &content)
}

fn backups() -> String {
    let result = when("r.result == \"success\"", GOOD, "Success")
        + &when("r.result == \"failed\"", BAD, "Failed")
        + &when(
            "r.result not in [\"success\", \"failed\"]",
            AMBER,
            "{{ r.result|capitalize }}",
        );
    let table = looping(
        "r in t.backup_jobs.rows if technical or r.result != \"success\"",
        &[
            Column::new("Job", 1_750, "{{ r.job }}"),
            Column::new("Device", 1_400, "{{ r.hostname }}"),
            Column::new("Last run", 1_450, "{{ r.last_run|date(\"%-d %b %H:%M\") }}"),
            Column::new("Result", 1_000, "").runs(result),
            Column::new("Size", 950, "{{ r.size_bytes|bytes }}").right(),
            Column::new("Duration", 1_300, "{{ r.duration_s|duration }}").right(),
            Column::new("Message", 1_788, "{{ r.message }}"),
        ],
    );
    let content = [
        statement("if b.rows == 0"),
        text("Normal", "No backup jobs are set up for this customer."),
        statement("else"),
        text(
            "Normal",
            "{{ b.result.of.success|number }} of {{ b.rows|number }} jobs succeeded, {{ b.result.of.warning|number }} ended with a warning and \
             {{ b.result.of.failed|number }} failed; {{ b.size_bytes.sum|bytes }} were saved in all.",
        ),
        statement("if technical or b.result.of.success < b.rows"),
        table,
        paragraph("Remark", ""),
        statement("endif"),
        statement("endif"),
    ]
    .concat();
    section("Backups", "backup_jobs", "backup jobs", &content)
}
