"Turn the notebooks of `_proc` into a site, or one of them into README.md."
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from configparser import ConfigParser
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pypandoc
import yaml

from .colours import colour_blocks
from .names import names_page
from .notebook import Document, read_notebook
from .pages import Entry, PageText, SiteFrame, render_page

HERE = Path(__file__).parent
# Notebook authors do not leave a blank line before a list, and GitHub does not ask for one
DIALECT = 'markdown+lists_without_preceding_blankline-blank_before_header-blank_before_blockquote'


def pandoc(markdown: str, to: str, *options: str) -> str:
    "Convert with pandoc"
    command = [pypandoc.get_pandoc_path(), '-f', DIALECT, '-t', to, '--wrap=preserve', *options]
    return subprocess.run(command, input=markdown, text=True, capture_output=True, check=True).stdout


def merged(base: dict, more: dict) -> dict:
    "`base` with `more` laid over it, dict by dict"
    both = dict(base)
    for name, value in more.items():
        nested = isinstance(value, dict) and isinstance(both.get(name), dict)
        both[name] = merged(both[name], value) if nested else value
    return both


def read_config(root: Path) -> dict:
    "_quarto.yml and the files it lists under `metadata-files`"
    config = yaml.safe_load((root/'_quarto.yml').read_text(encoding='utf-8'))
    for name in config.get('metadata-files', []):
        if (root/name).exists():
            config = merged(config, yaml.safe_load((root/name).read_text(encoding='utf-8')) or {})
    return config


class Notebooks:
    "The notebooks under `root` by name, and the page that each becomes"

    def __init__(self, root: Path):
        self.root = root
        names = (path.relative_to(root) for path in sorted(root.rglob('*.ipynb')))
        visible = [name for name in names if not any(part.startswith(('.', '_')) for part in name.parts)]
        self.documents: dict[str, Document] = {name.as_posix(): read_notebook(root/name) for name in visible}
        self.filters: list[str] = read_config(root).get('filters', [])  # Lua, as Quarto runs them

    def page(self, name: str) -> str:
        "Where the notebook's page lies: its own name, or the `output-file` nbdev gave it (without the number)"
        default = PurePosixPath(name).with_suffix('.html').name
        return str(PurePosixPath(name).parent/self.documents[name].meta.get('output-file', default))

    def matching(self, pattern: str) -> list[str]:
        return [name for name in sorted(self.documents) if PurePosixPath(name).match(pattern)]

    def entry(self, name: str, text: str | None = None) -> Entry:
        if name not in self.documents:
            raise SystemExit(f'_quarto.yml names {name}, which is not among the notebooks')
        return Entry(text or self.documents[name].title, self.page(name))

    def entries(self, contents: str | list) -> tuple[Entry, ...]:
        "A `contents` list of _quarto.yml: names, globs, `text`/`href` pairs and sections. Empty sections are left out"
        found = []
        for item in [contents] if isinstance(contents, str) else contents:
            if isinstance(item, str):
                found += map(self.entry, self.matching(item) if '*' in item else [item])
            elif 'section' in item:
                inner = self.entries(item['contents'])
                found += [Entry(item['section'], None, inner)] if inner else []
            else:
                found.append(self.entry(item['href'], item.get('text')))
        return tuple(found)


def relative_links(markdown: str, name: str, notebooks: Notebooks) -> str:
    "Links between notebooks, and nbdev's links from the top of the site, made to lead from this page to that"
    up = '../' * name.count('/')

    def resolve(match: re.Match) -> str:
        target, fragment = match[1], match[2] or ''
        parts = []
        for part in [*PurePosixPath(name).parent.parts, *target.split('/')]:
            if part == '..' and parts: parts.pop()
            elif part != '.': parts.append(part)
        path = '/'.join(parts)
        return f']({up}{notebooks.page(path)}{fragment})' if path in notebooks.documents else match[0]

    markdown = re.sub(r'\]\(([^)\s:]+\.ipynb)(#[^)\s]*)?\)', resolve, markdown)
    return re.sub(r'\]\(/([^)\s]*\.html(?:#[^)\s]*)?)\)', rf']({up}\1)', markdown)


def add_anchors(body: str) -> str:
    "A link to itself on every heading"
    def anchored(match: re.Match) -> str:
        name = f'href="#{match["id"]}" aria-label="Link to this section"'
        link = f'<a class="anchor" {name} data-pagefind-ignore>#</a>'
        return f'{match["open"]}{match["text"]}{link}{match["close"]}'
    heading = r'(?s)(?P<open><h(?P<level>[2-5])\b[^>]*\bid="(?P<id>[^"]+)"[^>]*>)(?P<text>.*?)(?P<close></h(?P=level)>)'
    return re.sub(heading, anchored, body)


def scrollable_tables(body: str) -> str:
    "A wide table scrolls by itself and not the page, and its columns are as wide as they need"
    body = re.sub(r'(?s)<colgroup>.*?</colgroup>', '', body)
    return body.replace('<table', '<div class="wide"><table').replace('</table>', '</table></div>')


def converted(texts: dict[str, str], filters: list[str]) -> dict[str, tuple[str, str]]:
    "Body and table of contents of each Markdown text, after Lua filters; one process of pandoc for each CPU takes its share"
    with TemporaryDirectory() as folder:
        files = {name: Path(folder)/name.replace('/', '-') for name in texts}
        for name, file in files.items():
            file.write_text(texts[name], encoding='utf-8')
        workers = os.cpu_count() or 1
        ordered = sorted(files.values(), key=lambda file: -file.stat().st_size)
        command = [pypandoc.get_pandoc_path(), 'lua', str(HERE/'convert.lua'), DIALECT, str(HERE/'body.template'), ','.join(filters)]
        running = [subprocess.Popen([*command, *share], text=True, stderr=subprocess.PIPE)
                   for number in range(workers) if (share := ordered[number::workers])]
        for process in running:
            said = [line for line in process.communicate()[1].splitlines() if 'Duplicate identifier' not in line]  # convert.lua mends these
            print(*said, sep='\n', end='\n' if said else '')
            if process.returncode:
                raise SystemExit('pandoc could not convert every page')
        parts = {name: Path(f'{file}.html').read_text(encoding='utf-8').partition('<!-- contents -->') for name, file in files.items()}
    return {name: (body, re.sub(r' id="toc-[^"]*"', '', contents).strip()) for name, (body, _, contents) in parts.items()}


def page_texts(notebooks: Notebooks) -> dict[str, PageText]:
    "What becomes of each notebook"
    texts = {name: relative_links(document.markdown, name, notebooks) for name, document in notebooks.documents.items()}
    parts, pages = converted(texts, [str(notebooks.root/name) for name in notebooks.filters]), {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        coloured = pool.map(colour_blocks, [body for body, _ in parts.values()], chunksize=4)
    for (name, (_, contents)), body in zip(parts.items(), coloured, strict=True):
        document = notebooks.documents[name]
        body = scrollable_tables(add_anchors(body))
        keywords = str(document.meta.get('keywords', ''))
        pages[name] = PageText(notebooks.page(name), document.title, plain_text(document.description), body, contents, keywords)
    return pages


def plain_text(markdown: str) -> str:
    "A sentence without the marks for code and links, for attributes and short lines"
    return re.sub(r'\[([^\]]+)\]\([^)]*\)', r'\1', markdown).replace('`', '').strip()


def common_markdown(markdown: str) -> str:
    "Markdown without what only pandoc understands: fenced divisions and attributes"
    markdown = re.sub(r'(?m)^:::+.*\n?', '', markdown)
    markdown = re.sub(r'(?m)^<!-- WARNING.*\n', '', markdown)
    markdown = re.sub(r'(?m)^(`{3,}) \{\.cell-output[^}]*\}$', r'\1text', markdown)
    markdown = re.sub(r'(?m)^(`{3,}) \{\.(\w+)[^}]*\}$', r'\1\2', markdown)
    markdown = re.sub(r'(?m)^(#+ .*?) \{#[^}]*\}$', r'\1', markdown)
    return re.sub(r'\n{3,}', '\n\n', markdown)


def copy_other_files(root: Path, out: Path) -> None:
    "Pictures and style sheets beside the notebooks"
    for path in root.rglob('*'):
        name = path.relative_to(root)
        skipped = path.suffix in ('.ipynb', '.yml', '.lua') or any(part.startswith(('.', '_')) for part in name.parts)
        if path.is_file() and not skipped:
            (out/name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, out/name)


def write_page(name: str, page: PageText, notebooks: Notebooks, frame: SiteFrame, out: Path) -> None:
    "The page of one notebook, and beside it the same as Markdown"
    path = out/page.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_page(frame, page), encoding='utf-8')
    twin = read_notebook(notebooks.root/name, plain=True)
    prose = common_markdown(relative_links(twin.markdown, name, notebooks))
    text = f'# {twin.title}\n\n> {twin.description}\n\n{prose}\n'
    path.with_name(path.name + '.md').write_text(text, encoding='utf-8')


def llms_text(frame: SiteFrame, notebooks: Notebooks) -> str:
    "A table of contents for readers that want text: each page with its sentence and its Markdown twin (llmstxt.org)"
    about = {notebooks.page(name): plain_text(document.description) for name, document in notebooks.documents.items()}
    lines, section = [f'# {frame.title}', '', f'> {frame.description}'], None
    for title, page in frame.pages():
        if page.href not in about:
            continue
        if title != section:
            section = title
            lines += ['', f'## {title or "Start"}', '']
        lines.append(f'- [{page.title}]({page.href}.md): {about[page.href]}')
    return '\n'.join(lines) + '\n'


def version() -> str:
    "The version that settings.ini states"
    settings = ConfigParser(delimiters=['='])
    settings.read(HERE.parent.parent/'settings.ini', encoding='utf-8')
    return settings['DEFAULT']['version']


def not_found(top: str) -> PageText:
    "The page for an address that leads nowhere; it is served under any path, so its links begin at the top of the site"
    text = '<p>There is no page at this address. It may have moved: search for its subject (key <kbd>/</kbd>), or begin at the start.</p>'
    return PageText('404.html', 'Page not found', '', text, '', searchable=False, top=top)


def render_site(root: Path, out: Path | None = None) -> None:
    "Write every page, its Markdown twin, the style and the search index"
    config = read_config(root)
    website = config['website']
    out = out or root/config['project']['output-dir']
    shutil.rmtree(out, ignore_errors=True)
    (out/'site').mkdir(parents=True)
    notebooks = Notebooks(root)
    frame = SiteFrame(website['title'], website['description'], version(), website.get('repo-url', ''),
                      notebooks.entries(website['navbar']['left']),
                      (*notebooks.entries(website['sidebar']['contents']), Entry('All names', 'names.html')))
    for name, page in page_texts(notebooks).items():
        write_page(name, page, notebooks, frame, out)
    for page in names_page(out), not_found(website.get('site-path', '/')):
        (out/page.path).write_text(render_page(frame, page), encoding='utf-8')
    for name in 'site.css', 'site.js', 'search.js':
        shutil.copy(HERE/name, out/'site'/name)
    (out/'llms.txt').write_text(llms_text(frame, notebooks), encoding='utf-8')
    copy_other_files(root, out)
    subprocess.run([sys.executable, '-m', 'pagefind', '--site', str(out), '--quiet'], check=True)
    print(f'{len(notebooks.documents)} pages in {out.name}')


def render_readme(notebook: Path, output: str, to: str) -> None:
    "One notebook as Markdown, where nbdev looks for it"
    document = read_notebook(notebook, plain=True)
    out = notebook.parent/read_config(notebook.parent)['project']['output-dir']
    out.mkdir(exist_ok=True)
    prose = common_markdown(readme_links(document.markdown))
    text = f'# {document.title}\n\n> {document.description}\n\n{prose}'
    (out/output).write_text(pandoc(text, to), encoding='utf-8')


def readme_links(markdown: str) -> str:
    "README.md lies at the top of the repository, the notebooks one folder below; there are no pages to link to"
    markdown = re.sub(r'\]\((?!\w+:|#|/)([^)\s]+\.(?:ipynb|png))(#[^)\s]*)?\)', r'](nbs/\1)', markdown)
    return re.sub(r'\[([^\]]+)\]\(/[^)\s]*\.html(?:#[^)\s]*)?\)', r'\1', markdown)
