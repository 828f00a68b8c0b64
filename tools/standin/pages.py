"The page around each text, written with the library's own components."
from dataclasses import dataclass

import fasthtml.html.tags as h
from fasthtml.html.element import NotStr, to_html

# The chosen theme is set before anything is drawn, so that a dark page does not flash
SET_THEME = "document.documentElement.dataset.theme = localStorage.getItem('theme') || ''"
ICON = ("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
        "<rect width='32' height='32' rx='8' fill='%23155eef'/>"
        "<path d='M12 9l-6 7 6 7M20 9l6 7-6 7' fill='none' stroke='white' stroke-width='3'/></svg>")


@dataclass(frozen=True)
class Entry:
    "A place in the navigation: a page, or a section with entries of its own"
    title: str
    href: str | None = None
    entries: tuple['Entry', ...] = ()

    def pages(self) -> list['Entry']:
        "This page, or those of the section and of the sections in it, in reading order"
        return [page for entry in self.entries for page in entry.pages()] if self.entries else [self]


@dataclass(frozen=True)
class PageText:
    "One page: what pandoc made of its notebook, and where it lies"
    path: str            # Relative to the site's top, e.g. 'api/element.html'
    title: str
    description: str
    body: str            # HTML
    contents: str        # HTML list of the headings, '' when there are none
    keywords: str = ''   # Words that readers search for and the text does not use
    searchable: bool = True  # It has a text of its own: search finds it, and it has a Markdown twin
    top: str | None = None  # Where the site's top lies; None: found from `path`

    @property
    def up(self) -> str: return '../' * self.path.count('/') if self.top is None else self.top


@dataclass(frozen=True)
class SiteFrame:
    "What all pages share"
    title: str
    description: str
    version: str
    repository: str      # Address of the source, '' when settings.ini names none
    bar: tuple[Entry, ...]
    side: tuple[Entry, ...]

    def pages(self) -> list[tuple[str, Entry]]:
        "Section title and page, in reading order"
        return [(entry.title if entry.entries else '', page) for entry in self.side for page in entry.pages()]


def link(entry: Entry, page: PageText, *content, **attrs):
    "A link between two pages; the current page is marked for readers and for screen readers"
    here = 'page' if entry.href == page.path else None
    return h.A(*(content or (entry.title,)), href=page.up + entry.href, aria_current=here, **attrs)


KINDS = {'': 'Start', 'Tutorials': 'Tutorial', 'How to': 'How-to', 'Explanations': 'Explanation'}  # All others: API


def section_of(frame: SiteFrame, page: PageText) -> str:
    "Title of the section that the page is in; empty for none"
    return next((title for title, entry in frame.pages() if entry.href == page.path), '')


def head(frame: SiteFrame, page: PageText):
    "Pages of two sections may have one title, so the document's title names both"
    title = frame.title if page.title == frame.title else ' - '.join(filter(None, (page.title, section_of(frame, page), frame.title)))
    return h.Head(
        h.Meta(charset='utf-8'),
        h.Meta(name='viewport', content='width=device-width, initial-scale=1'),
        h.Title(title),
        h.Meta(name='description', content=page.description),
        h.Link(rel='icon', href=ICON),
        h.Link(rel='stylesheet', href=page.up + 'site/site.css'),
        h.Link(rel='stylesheet', href=page.up + 'styles.css'),
        h.Link(rel='alternate', type='text/markdown', href=page.path.rsplit('/', 1)[-1] + '.md') if page.searchable else None,
        h.Script(SET_THEME),
        h.Script(src=page.up + 'site/site.js', type='module'),
    )


def top_bar(frame: SiteFrame, page: PageText):
    return h.Header(
        h.Button('☰', id='site-menu', type='button', aria_label='Pages', aria_controls='site-side', aria_expanded='false'),
        h.A(h.Span('‹›', cls='mark', aria_hidden='true'), frame.title, href=page.up + 'index.html', cls='brand'),
        h.Nav(*(link(entry, page) for entry in frame.bar), aria_label='Main'),
        h.A(f'v{frame.version}', href=frame.repository, cls='version') if frame.repository
        else h.Span(f'v{frame.version}', cls='version'),
        h.Button('Search', h.Kbd('/'), id='site-find', type='button'),
        h.Button('◐', id='site-theme', type='button', aria_label='Light or dark', title='Light or dark'),
        cls='bar',
    )


def side_bar(frame: SiteFrame, page: PageText):
    def place(entry: Entry, depth: int = 0):
        if not entry.entries:
            return h.Li(link(entry, page))
        inner = h.Ul(*(place(child, depth + 1) for child in entry.entries))
        if not depth:
            return h.Li(h.Span(entry.title, cls='section'), inner)
        here = any(child.href == page.path for child in entry.pages())
        return h.Li(h.Details(h.Summary(entry.title), inner, open=here))
    return h.Nav(h.Ul(*map(place, frame.side)), id='site-side', aria_label='Pages', data_root=page.up)


def page_turner(frame: SiteFrame, page: PageText):
    "The pages before and after this one"
    order = [entry for _, entry in frame.pages()]
    here = next((i for i, entry in enumerate(order) if entry.href == page.path), None)
    if here is None:
        return None
    before = order[here - 1] if here else None
    after = order[here + 1] if here + 1 < len(order) else None
    return h.Nav(
        link(before, page, '← ', before.title, rel='prev') if before else h.Span(),
        link(after, page, after.title, ' →', rel='next') if after else h.Span(),
        cls='turn', aria_label='Before and after',
    )


def search_dialog(page: PageText):
    return h.Dialog(
        h.Label(h.Span('Search', cls='unseen'), h.Input(id='site-query', type='search', placeholder='Search')),
        h.Ul(id='site-found', aria_live='polite'),
        h.P('Enter opens the first result', cls='hint'),
        id='site-search', data_pagefind=page.up + 'pagefind/pagefind.js',
    )


def heading(page: PageText):
    "The title, with the words by which readers search for the page"
    if not page.keywords: return h.H1(page.title, data_pagefind_weight='10')
    return h.H1(page.title, data_keywords=page.keywords, data_pagefind_weight='10',
                data_pagefind_index_attrs='data-keywords', data_pagefind_meta='title,keywords[data-keywords]')


def contents_box(page: PageText):
    "The headings above the text, where the screen has no room for them beside it"
    if not page.contents: return None
    return h.Details(h.Summary('On this page'), NotStr(page.contents), cls='contents-box', data_pagefind_ignore=True)


def render_page(frame: SiteFrame, page: PageText) -> str:
    "The whole HTML document"
    section = section_of(frame, page)
    text = h.Main(
        h.Article(
            h.P(section, cls='section', data_pagefind_ignore=True) if section else None,
            heading(page),
            h.P(page.description, cls='lead', data_pagefind_weight='3') if page.description else None,
            contents_box(page),
            NotStr(page.body),
            data_pagefind_body=page.searchable,
            data_pagefind_meta=f'kind:{KINDS.get(section, "API")}',
        ),
        page_turner(frame, page),
        h.Footer(h.P(frame.description, ' ', h.A('As text', href=page.up + 'llms.txt'))),
        id='site-text',
        tabindex='-1',
    )
    contents = None
    if page.contents:
        contents = h.Nav(h.Span('On this page', cls='section'), NotStr(page.contents), cls='contents', aria_label='On this page')
    body = h.Body(
        h.A('To the text', href='#site-text', cls='skip'),
        top_bar(frame, page),
        h.Div(side_bar(frame, page), text, contents, cls='layout'),
        search_dialog(page),
    )
    html = h.Html(head(frame, page), body, lang='en')
    return to_html(*html) if isinstance(html, tuple) else '<!doctype html>' + to_html(html)
