"""Texts that somebody might type to do harm, and what of a page shows that they did."""

from tests.support.full_merchants import Say
from tests.support.page_client import Page, check

RUN = "canary()"
RIGHT_TO_LEFT = "שלום 12"
# Text as long as its field may be, in columns that hold more or less than the usual 200.
LIMITS = {
    "CustomerGroup.name": 100,
    "Campaign.groups": 100,
    "Branch.address": 500,
    "Campaign.place": 500,
    "Campaign.terms": 5000,
    "Rollback.note": 500,
    "Revocation.note": 500,
    "Publication.failures": 100,
}
USUAL = 200
SAMPLES = {
    "script": f"<script>{RUN}</script><img src=x onerror={RUN}>",
    "break-out": f"\"'></textarea></title></option></template><svg onload={RUN}>",
    "attribute": f'" autofocus onfocus="{RUN}" x=\'',
    "comment": f"<!--><![CDATA[<iframe srcdoc='<b>{RUN}'>",
    "template": "{{ 19163 * 70001 }}{% print 19163 * 70001 %}${19163*70001}%(product)s %s {0} \\u0022",
    "address": f"javascript:{RUN}//",
    "entity": "&lt;script&gt;&#60;b&#62;&quot;",
    "equals": "=cmd|'/C calc'!A0",
    "plus": "+1+1",
    "minus": "-1+1",
    "at": "@SUM(A1)",
    "wide": "＝1+1",
    "half": "a;=1+1",
    "quoted": '"=1+1",=1+1',
    "right to left": RIGHT_TO_LEFT,
    "four bytes": "😀👨‍👩‍👧‍👦𠀀𪚥𝔘",
    "marks": "a" + "\u0301\u0323" * 3,
    "long word": "W" * 5000,
    "long": "很长的文字 long text " * 400,
}
_MARKUP = ("script", "attribute", "template", "break-out", "comment", "address", "entity")
# Several at once, each of at most two hundred characters, so that few pages show all.
MIXED = {
    "markup": " ".join(SAMPLES[name] for name in _MARKUP[:3]),
    "more markup": " ".join(SAMPLES[name] for name in _MARKUP[3:]),
    "right to left": RIGHT_TO_LEFT,
    "long word": SAMPLES["script"] + SAMPLES["attribute"] + SAMPLES["long word"],
    "long": SAMPLES["four bytes"] + SAMPLES["marks"] + SAMPLES["long"],
}
# What no field takes: nobody sees it, or it turns round or covers what stands beside it.
REFUSED = {
    "override": "\u202etxt.exe\u202c",
    "isolate": "\u2066a",
    "mark": "\u200fa",
    "zero width": "te\u200ba",
    "byte order": "a\ufeffb",
    "tag": "a\U000e0041",
    "stack": "Z" + "\u0301" * 40,
    "nul": "a\0b",
    "escape": "a\x1b[31m",
    "line separator": "a\u2028b",
    "private": "a\ue000",
}
LINES = {"tab": "\t=1+1", "return": "\r=1+1", "lines": "a\n=1\r\n\n\nb"}  # where several lines may be


def saying(sample: str) -> Say:
    """This text in every field, as much of it as goes in."""
    return lambda name: sample[: LIMITS.get(name, USUAL)].strip()


def names(page: Page) -> tuple[set[str], set[str]]:
    """The elements that a page has, and their attributes."""
    return {tag for tag, _ in page.tags}, {name for _, attributes in page.tags for name in attributes}


def is_spoilt(page: Page, known: tuple[set[str], set[str]], whole: bool) -> str:
    """Why the page has more in it than our own templates, or nothing."""
    try:
        check(page, whole=whole)
    except AssertionError as error:
        return str(error)
    new = [sorted(mine - ours) for mine, ours in zip(names(page), known, strict=True)]
    if any(new):
        return f"new elements and attributes: {new}"
    return "a template ran" if str(19163 * 70001) in page.html else ""


EYES = """(() => {
    window.ran = []; window.broke = [];
    window.canary = () => window.ran.push('canary');
    for (const name of ['alert', 'confirm', 'prompt', 'open']) window[name] = () => window.ran.push(name);
    document.addEventListener('securitypolicyviolation', event => window.broke.push(event.violatedDirective));
})()"""
# Of words written to the left: paragraphs in which they stand beside others and nothing keeps these in their places.
BESIDE = """said => {
    const keeps = element => getComputedStyle(element).display !== 'inline'
        || /isolate|plaintext/.test(getComputedStyle(element).unicodeBidi);
    const holder = node => { let e = node.parentElement; while (!keeps(e)) e = e.parentElement; return e; };
    const isBlock = element => getComputedStyle(element).display === 'block';
    const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const text = walk.currentNode, element = text.parentElement;
        if (!text.data.includes(said) || element.closest('textarea, option, template, title, svg')) continue;
        const whole = holder(text), paragraph = [[]];
        const inside = document.createTreeWalker(whole, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
        while (inside.nextNode()) {
            const node = inside.currentNode;
            if (node.nodeType === 3 && holder(node) === whole) paragraph.at(-1).push(node);
            else if (node.nodeName === 'BR' || node.nodeType === 1 && isBlock(node)) paragraph.push([]);
        }
        const line = paragraph.find(nodes => nodes.includes(text)).map(node => node.data).join('').trim();
        if (!line.startsWith(said) || /[A-Za-z].*\\s|·/.test(line.slice(said.length))) found.push(line.slice(0, 120));
    }
    return found;
}"""
COVERED = """() => [...document.querySelectorAll('button.large, .verdict .headline, .key')].filter(
    element => element.offsetParent && (element.scrollIntoView({block: 'center'}), true)).filter(element => {
        const box = element.getBoundingClientRect();
        const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return !(top && (element.contains(top) || top.contains(element)));
    }).map(element => element.outerHTML.slice(0, 100))"""
