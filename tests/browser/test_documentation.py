"The built documentation in a browser: it can be searched, read in the dark, and read on a phone."
import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from support import ROOT, missing, serve

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
    page.keyboard.type('farewell grace')
    page.locator('#found a').first.wait_for()
    page.locator('#found a').first.click()
    page.wait_for_url('**/*.html*')
    assert 'grace' in page.locator('article').inner_text()
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


def test_a_phone_has_a_menu_and_never_scrolls_sideways(site, new_page):
    page = new_page(**PHONE)
    too_wide = []
    for path in PAGES:
        page.goto(f'{site}/{path}', wait_until='domcontentloaded')
        if page.evaluate('document.documentElement.scrollWidth > innerWidth'):
            too_wide.append(path)
    assert not too_wide
    page.click('#menu')
    page.click('#side a >> text=Decisions and invariants')
    page.wait_for_url('**/design.html')
    assert not page.problems


def test_every_page_has_one_title_and_marks_its_place():
    for path in PAGES:
        tree = LexborHTMLParser((SITE/path).read_text(encoding='utf-8'))
        assert len(tree.css('h1')) == 1, path
        assert len(tree.css('#side [aria-current=page]')) == 1, path
