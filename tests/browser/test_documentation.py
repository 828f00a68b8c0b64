"The built documentation in a browser: it can be searched, read in the dark, and read on a phone."
from collections import Counter

import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from support import NODE_MODULES, ROOT, missing, serve

SITE = ROOT/'_docs'
PAGES = sorted(str(path.relative_to(SITE)) for path in SITE.rglob('*.html') if 'pagefind' not in path.parts)
PHONE = {'viewport': {'width': 390, 'height': 844}}


@pytest.fixture(scope='module')
def site():
    if not (SITE/'site'/'site.js').exists():
        missing('the documentation as the stand-in renders it', 'run `make docs`')
    with serve(Starlette(routes=[Mount('/', StaticFiles(directory=SITE, html=True))])) as server:
        yield server.url


def test_search_finds_a_section_and_leads_there(site, page):
    page.goto(f'{site}/index.html')
    page.keyboard.press('/')
    page.keyboard.type('form validation')
    page.locator('#site-found a >> nth=0 >> text=How-to').wait_for()
    page.keyboard.press('Enter')
    page.wait_for_url('**/howto/forms.html*')
    assert not page.problems


def test_the_theme_is_chosen_once_and_kept(site, page):
    def background():
        return page.evaluate('getComputedStyle(document.body).backgroundColor')

    page.goto(f'{site}/index.html')
    light = background()
    page.click('#site-theme')
    dark = background()
    page.goto(f'{site}/explains/design.html')
    assert dark != light and background() == dark
    assert not page.problems


FAULTS = """([where, colours]) => axe.run(where, {resultTypes: ['violations'],
  rules: {'color-contrast': {enabled: colours}, 'link-in-text-block': {enabled: colours}}}).then(found =>
    found.violations.filter(o => ['serious', 'critical'].includes(o.impact)).map(o => `${o.id}: ${o.nodes[0].html.slice(0, 200)}`))"""

# Puts the text of each page into the page that is open: what is around it is the same in all, and is left out.
# The colours of code are left out, since they are most of the elements of a page and only matter for contrast.
WALK = """async ([site, paths, look]) => {
  const parser = new DOMParser(), faults = (0, eval)(look), found = {}
  document.querySelectorAll('body > header, #site-side, .contents, .turn, footer, dialog').forEach(part => part.remove())
  for (const path of paths) {
    const page = parser.parseFromString(await (await fetch(`${site}/${path}`)).text(), 'text/html')
    const article = document.adoptNode(page.querySelector('article'))
    article.querySelectorAll('details.internals').forEach(fold => { fold.open = true })
    article.querySelectorAll('pre code').forEach(code => { code.textContent = code.textContent })
    document.querySelector('article').replaceWith(article)
    dispatchEvent(new Event('resize'))  // blocks that scroll can be reached with the keyboard
    const some = await faults()
    if (some.length) found[path] = some
  }
  return found
}"""


def add_axe(page) -> None:
    page.add_script_tag(path=NODE_MODULES/'axe-core'/'axe.min.js')


def faults(page, where: str, colours: bool = False) -> list[str]:
    "What axe-core reports as serious in a part of the page; comparing colours takes most of its time"
    add_axe(page)
    return page.evaluate(FAULTS, [where, colours])


# An output that shows nothing: an element that is hidden, or a cell whose value is nothing to see
LOOK = """() => [...document.documentElement.scrollWidth > innerWidth ? ['too wide'] : [],
  ...[...document.querySelectorAll('.cell-output')].filter(o => !o.innerText.trim() && !o.querySelector('img, svg, iframe'))
    .map(o => `nothing to see: ${o.outerHTML.slice(0, 200)}`)]"""


@pytest.mark.timeout(600)
def test_a_phone_never_scrolls_sideways_and_every_output_shows_something(site, new_page):
    page = new_page(**PHONE)
    page.goto(f'{site}/index.html')
    assert not page.evaluate(WALK, [site, PAGES, LOOK])


def test_signatures_of_the_reference_fit_a_usual_window(site, page):
    page.set_viewport_size({'width': 1280, 'height': 900})
    for path in 'app/app', 'app/oauth', 'testing/page':
        page.goto(f'{site}/api/{path}.html')
        page.evaluate("document.querySelectorAll('details.internals').forEach(o => o.open = true)")
        wide = """() => [...document.querySelectorAll('.reference div.sourceCode:not(details.source *) pre')]
            .map(o => o.scrollWidth - o.clientWidth)"""
        found = page.evaluate(wide)
        assert len(found) > 20 and max(found) == 0, path


@pytest.mark.timeout(600)
def test_no_page_has_a_serious_fault_of_accessibility(site, page):
    "Those that people write for, and every fourth of the reference, which one program writes"
    page.goto(f'{site}/index.html')
    assert faults(page, 'html') == []
    reference = [path for path in PAGES if path.startswith('api/')]
    written = [path for path in PAGES if path not in reference]
    assert not page.evaluate(WALK, [site, written + reference[::4], f"() => ({FAULTS})(['article', false])"])


def test_a_walk_over_the_pages_finds_faults(site, new_page):
    "A line that is too long, an output that is hidden, and a picture without words, in the last page of a walk"
    page = new_page(**PHONE)
    page.goto(f'{site}/index.html')
    add_axe(page)
    hidden = '<div class="cell-output"><p hidden>x</p></div>'
    bad = '<article><p style="white-space: pre">' + 'long ' * 200 + f'</p><img src="x.png">{hidden}</article>'
    page.route('**/bad.html', lambda route: route.fulfill(body=bad, content_type='text/html'))
    look = f"() => ({FAULTS})(['article', false]).then(some => [...some, ...({LOOK})()])"
    found = page.evaluate(WALK, [site, ['404.html', 'bad.html'], look])
    assert list(found) == ['bad.html'] and found['bad.html'][0].startswith('image-alt') and found['bad.html'][1] == 'too wide'
    assert found['bad.html'][2].startswith('nothing to see')


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_colours_can_be_told_apart(site, new_page, scheme):
    "The frame, and texts of every kind: code, output, reference, tables, drawings"
    page = new_page(color_scheme=scheme)
    for path, where in ('index.html', 'html'), ('howto/forms.html', 'article'), ('explains/design.html', 'article'), \
            ('api/realtime/batches.html', 'article'):
        page.goto(f'{site}/{path}')
        assert faults(page, where, colours=True) == [], path


def test_internals_are_folded_until_a_link_leads_to_a_name_inside(site, page):
    page.goto(f'{site}/api/realtime/ws.html')
    fold = page.locator('details.internals')
    assert not fold.evaluate('fold => fold.open')
    assert page.locator('.contents a[href="#internals"]').count()  # the list of headings leads there
    page.evaluate("location.hash = '#ws_route'")
    page.wait_for_function("document.querySelector('details.internals').open")
    assert page.locator('#ws_route').is_visible()
    assert faults(page, 'article') == []
    assert not page.problems


def test_a_phone_has_a_menu(site, new_page):
    page = new_page(**PHONE)
    page.goto(f'{site}/index.html')
    page.click('#site-menu')
    page.click('#site-side a >> text=Decisions and invariants')
    page.wait_for_url('**/design.html')
    assert not page.problems


def test_every_page_has_one_title_marks_its_place_and_names_its_parts():
    "Ids are unique; pictures, frames, drawings, links and buttons of ours have names"
    for path in PAGES:
        tree = LexborHTMLParser((SITE/path).read_text(encoding='utf-8'))
        assert len(tree.css('h1')) == 1, path
        assert len(tree.css('#site-side [aria-current=page]')) == (path != '404.html'), path
        ids = Counter(node.attributes['id'] for node in tree.css('[id]') if not inside_output(node))
        assert [name for name, times in ids.items() if times > 1] == [], path
        for node in tree.css('img:not([alt]), iframe:not([title])'):
            assert inside_output(node), f'{path}: {node.html[:200]}'
        for node in tree.css('a, button'):
            named = node.text(strip=True) or node.attributes.get('aria-label') or node.css_first('img[alt]')
            assert named or inside_output(node), f'{path}: {node.html[:200]}'


def inside_output(node) -> bool:
    "Whether a cell of a notebook has shown it"
    while node := node.parent:
        if 'cell-output' in (node.attributes.get('class') or ''):
            return True
    return False


def test_a_block_of_code_is_copied_without_its_output(site, new_page):
    page = new_page(permissions=['clipboard-read', 'clipboard-write'])
    page.goto(f'{site}/howto/forms.html')
    block = page.locator('div.sourceCode:has(> .copy)').first
    block.hover()
    block.locator('.copy').click()
    page.wait_for_function("document.querySelector('.copy').textContent === 'Copied'")
    assert page.evaluate('navigator.clipboard.readText()').strip() == block.locator('code').inner_text().strip()


def test_an_address_that_leads_nowhere_has_a_page_with_the_whole_navigation(site, page):
    response = page.goto(f'{site}/api/nowhere/at_all.html')
    assert response.status == 404
    page.click('#site-side a >> text=Decisions and invariants')
    page.wait_for_url('**/explains/design.html')
    page.problems = [problem for problem in page.problems if '404' not in problem]
    assert not page.problems
