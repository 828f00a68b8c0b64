"""Fail when the built site has a link, an anchor or a file that leads nowhere, or leaves a public name undocumented.

It reads only the finished pages, so it does not matter which program rendered them.
"""
import importlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


class Page(HTMLParser):
    "The ids and the addresses of one page, without those in what a cell has shown: an app's links lead into the app"

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.addresses, self.shown = set(), [], 0  # `shown`: open divisions from that of an output on
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == 'div' and (self.shown or (values.get('class') or '').startswith('cell-output')):
            self.shown += 1
        if self.shown:
            return
        if values.get('id'):
            self.ids.add(values['id'])
        self.addresses += [values[name] for name in ('href', 'src') if values.get(name)]

    def handle_endtag(self, tag):
        if tag == 'div' and self.shown:
            self.shown -= 1


@cache
def target_of(folder: Path, address: str) -> Path | None:
    "The file that an address of a page in `folder` leads to; most pages have the same links"
    target = Path(os.path.normpath(folder/unquote(address)))
    target = target/'index.html' if target.is_dir() else target
    return target if target.exists() else None


def broken_links(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    for path, page in pages.items():
        for address in page.addresses:
            parts = urlsplit(address)
            where = f'{path.relative_to(site)}: {address}'
            if parts.scheme or parts.netloc:
                continue
            if parts.path.startswith('/'):
                if path.name != '404.html':  # served under any address, so its links are absolute
                    yield f'{where} only works at the top of a host'
                continue
            target = target_of(path.parent, parts.path) if parts.path else path
            if target is None:
                yield f'{where} is missing'
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                yield f'{where} has no such anchor'


def undocumented(site: Path, pages: dict[Path, Page], index: dict) -> Iterator[str]:
    "Public names of nbdev's index whose page or anchor is not there"
    for module, names in index['syms'].items():
        for name, (url, _) in names.items():
            if any(part.startswith('_') for part in name.removeprefix(module + '.').split('.')):
                continue
            page, _, anchor = url.partition('#')
            if site/page not in pages:
                yield f'{name}: there is no page {page}'
            elif anchor not in pages[site/page].ids:
                yield f'{name}: {page} has no entry #{anchor}'


def unreachable(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    "Pages that no chain of links from the first page leads to"
    seen, waiting = set(), [site/'index.html']
    while waiting:
        path = waiting.pop()
        if path in seen or path not in pages:
            continue
        seen.add(path)
        found = {target_of(path.parent, urlsplit(address).path) for address in set(pages[path].addresses)}
        waiting += found - seen - {None}
    yield from (f'{path.relative_to(site)} cannot be reached from index.html' for path in pages.keys() - seen - {site/'404.html'})


if __name__ == '__main__':
    site = Path(sys.argv[1]).resolve()
    pages = {path: Page(path) for path in sorted(site.rglob('*.html'))}
    index = importlib.import_module('fasthtml._modidx').d
    faults = [*broken_links(site, pages), *undocumented(site, pages, index), *unreachable(site, pages)]
    for fault in faults:
        print(fault)
    entries = sum(map(len, index['syms'].values()))
    good = f'{len(pages)} pages, {entries} names: every link leads somewhere, every public name has its entry'
    print(f'{len(faults)} faults in the site' if faults else good)
    sys.exit(bool(faults))
