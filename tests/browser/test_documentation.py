"The built documentation in a browser: it can be searched, read in the dark, and read on a phone."
import os

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
    page.locator('#found a >> nth=0 >> text=How-to').wait_for()
    page.keyboard.press('Enter')
    page.wait_for_url('**/howto/forms.html*')
    assert not page.problems


def test_the_theme_is_chosen_once_and_kept(site, page):
    def background():
        return page.evaluate('getComputedStyle(document.body).backgroundColor')

    page.goto(f'{site}/index.html')
    light = background()
    page.click('#theme')
    dark = background()
    page.goto(f'{site}/explains/design.html')
    assert dark != light and background() == dark
    assert not page.problems


FAULTS = """([where, contrast]) => axe.run(where, {
  resultTypes: ['violations'], rules: {'color-contrast': {enabled: contrast}}}).then(found =>
    found.violations.filter(o => ['serious', 'critical'].includes(o.impact)).map(o => `${o.id}: ${o.nodes[0].html.slice(0, 200)}`))"""


def faults(page, where: str, contrast: bool = False) -> list[str]:
    "What axe-core reports as serious in a part of the page; comparing colours takes most of its time"
    page.add_script_tag(path=NODE_MODULES/'axe-core'/'axe.min.js')
    return page.evaluate(FAULTS, [where, contrast])


@pytest.mark.timeout(600)
def test_a_phone_never_scrolls_sideways(site, new_page):
    page = new_page(**PHONE)
    too_wide = []
    for path in PAGES:
        page.goto(f'{site}/{path}', wait_until='domcontentloaded')
        if page.evaluate('document.documentElement.scrollWidth > innerWidth'):
            too_wide.append(path)
    assert not too_wide


@pytest.mark.timeout(600)
def test_no_page_has_a_serious_fault_of_accessibility(site, page):
    "Those that people write for, and every twelfth of the reference. `EVERY_PAGE=1` takes all, which lasts minutes"
    written = [path for path in PAGES if not path.startswith(('api/', 'names'))]
    reference = [path for path in PAGES if path.startswith('api/')]
    found = {}
    for path in written + reference[::1 if os.environ.get('EVERY_PAGE') else 12]:
        page.goto(f'{site}/{path}', wait_until='domcontentloaded')
        if serious := faults(page, 'html' if path == 'index.html' else 'article'):  # what is around the text is the same in all
            found[path] = serious
    assert not found


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_colours_can_be_told_apart(site, new_page, scheme):
    "Pages with every kind of text: code, output, reference, tables"
    page = new_page(color_scheme=scheme)
    for path in 'index.html', 'explains/differences.html', 'howto/forms.html', 'api/realtime/wire.html':
        page.goto(f'{site}/{path}')
        assert faults(page, 'html', contrast=True) == [], path


def test_internals_are_folded_until_a_link_leads_to_a_name_inside(site, page):
    page.goto(f'{site}/api/realtime/ws.html')
    fold = page.locator('details.internals')
    assert not fold.evaluate('fold => fold.open')
    assert page.locator('#toc-internals').count()  # the list of headings leads there
    page.evaluate("location.hash = '#ws_route'")
    page.wait_for_function("document.querySelector('details.internals').open")
    assert page.locator('#ws_route').is_visible()
    assert faults(page, 'article') == []
    assert not page.problems


def test_a_phone_has_a_menu(site, new_page):
    page = new_page(**PHONE)
    page.goto(f'{site}/index.html')
    page.click('#menu')
    page.click('#side a >> text=Decisions and invariants')
    page.wait_for_url('**/design.html')
    assert not page.problems


def test_every_page_has_one_title_and_marks_its_place():
    for path in PAGES:
        tree = LexborHTMLParser((SITE/path).read_text(encoding='utf-8'))
        assert len(tree.css('h1')) == 1, path
        assert len(tree.css('#side [aria-current=page]')) == (path != '404.html'), path


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
    page.click('#side a >> text=Decisions and invariants')
    page.wait_for_url('**/explains/design.html')
    page.problems = [problem for problem in page.problems if '404' not in problem]
    assert not page.problems
