"A reader who asks the documentation in the usual words finds the page that answers, first or by the second click."
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from support import ROOT, missing, serve

SITE = ROOT/'_docs'
QUESTIONS = {  # What a reader types -> the page that must come first
    'form validation': 'howto/forms.html',
    'upload a file': 'howto/uploads.html',
    'checkbox': 'howto/forms.html',
    'login': 'howto/login.html',
    'password': 'howto/login.html',
    'oauth google': 'howto/login.html',
    'session cookie': 'howto/sessions.html',
    'flash message toast': 'howto/toasts.html',
    'notification after redirect': 'howto/toasts.html',
    'search as you type': 'howto/search.html',
    'infinite scroll': 'howto/search.html',
    'dark mode': 'howto/dark_mode.html',
    'theme switch': 'howto/dark_mode.html',
    'background task': 'howto/background.html',
    'cron schedule': 'howto/background.html',
    'query parameters': 'howto/parameters.html',
    'path parameter': 'howto/parameters.html',
    'json body': 'howto/parameters.html',
    'route url': 'howto/routes.html',
    'mount another app': 'howto/mount.html',
    'fastapi': 'howto/mount.html',
    'django': 'howto/mount.html',
    'jupyter notebook': 'howto/notebook.html',
    'preview a page in jupyter': 'howto/notebook.html',
    'type checking': 'howto/typing.html',
    'pyright': 'howto/typing.html',
    '404 page': 'howto/routes.html',
    'database': 'howto/data.html',
    'sqlite table': 'howto/data.html',
    'websocket': 'howto/realtime.html',
    'server-sent events': 'howto/realtime.html',
    'broadcast to all clients': 'howto/realtime.html',
    'redis several processes': 'howto/deploy.html',
    'workers': 'howto/deploy.html',
    'systemd': 'howto/deploy.html',
    'caddy': 'howto/deploy.html',
    'https certificate': 'howto/deploy.html',
    'health check': 'howto/deploy.html',
    'metrics prometheus': 'howto/deploy.html',
    'who is online': 'howto/realtime.html',
    'notifications for one user': 'howto/realtime.html',
    'long task progress': 'howto/realtime.html',
    'live chart': 'howto/realtime.html',
    'reconnect': 'howto/realtime.html',
    'slow client': 'howto/realtime.html',
    'live updates': 'howto/live.html',
    'shared list': 'howto/live.html',
    'shopping cart': 'howto/live.html',
    'dashboard': 'howto/live.html',
    'stale page': 'howto/live.html',
    'conflict two people edit': 'howto/live.html',
    'kanban': 'howto/board.html',
    'drag and drop': 'howto/board.html',
    'markdown': 'howto/javascript.html',
    'latex formula': 'howto/javascript.html',
    'mermaid diagram': 'howto/javascript.html',
    'syntax highlighting': 'howto/javascript.html',
    'upload progress': 'howto/uploads.html',
    'failed request': 'howto/failures.html',
    'deploy nginx': 'howto/deploy.html',
    'docker': 'howto/deploy.html',
    'graceful shutdown': 'howto/deploy.html',
    'write a component': 'howto/components.html',
    'svg': 'howto/components.html',
    'javascript': 'howto/javascript.html',
    'convert html to python': 'howto/existing_html.html',
    'csrf': 'howto/security.html',
    'content security policy': 'howto/security.html',
    'test client': 'howto/testing.html',
    'http/2': 'howto/http2.html',
    'import error fasthtml migration': 'howto/bring_a_program.html',
    'example programs': 'tutorials/examples.html',
    'first app': 'tutorials/first_app.html',
    'chat': 'tutorials/chat.html',
    # Questions as newcomers write them
    'how do I return JSON?': 'howto/responses.html',
    'how do I redirect after a form': 'howto/responses.html',
    'how to set a cookie': 'howto/responses.html',
    'how can I let users download a file': 'howto/responses.html',
    'how do I change the status code': 'howto/responses.html',
    'how do I add my own css': 'howto/styles.html',
    'how do I use tailwind': 'howto/styles.html',
    'can I use bootstrap instead of pico?': 'howto/styles.html',
    'how to serve static files': 'howto/routes.html',
    'how do I link to a route': 'howto/routes.html',
    'how do I delete a row': 'howto/patterns.html',
    'how do I ask for confirmation before deleting': 'howto/patterns.html',
    'how do I show a loading spinner': 'howto/patterns.html',
    'how do I open a modal': 'howto/patterns.html',
    'how do I make a dependent select': 'howto/patterns.html',
    'how do I poll every 5 seconds': 'howto/patterns.html',
    'how do I edit in place': 'howto/patterns.html',
    'how do I make a navbar for all pages': 'howto/components.html',
    'how do I stream text from a language model': 'howto/live.html',
    'how do I send an email': 'howto/background.html',
    'how do I get the current user': 'howto/login.html',
    'how do I protect a page': 'howto/login.html',
    'how do I log a user out': 'howto/login.html',
    'how do I test with pytest': 'howto/testing.html',
    'how do I connect to postgres': 'howto/data.html',
    'how do I add a column to a table': 'howto/data.html',
    'how do I allow requests from another domain': 'howto/security.html',
    'where do I put the secret key': 'howto/sessions.html',
    'how do I show a custom error page': 'howto/failures.html',
    'how do I paginate a list': 'howto/search.html',
    'how do I upload multiple files': 'howto/uploads.html',
    'how do I restart without downtime': 'howto/deploy.html',
    'how do I run it with gunicorn': 'howto/deploy.html',
    'how do I validate an email address': 'howto/forms.html',
    'how do I use websockets with authentication': 'howto/login.html',
    'how do I start a new project': 'howto/project.html',
    'how do I reload the browser when a file changes': 'howto/project.html',
    'how do I change the port': 'howto/project.html',
    'how do I use environment variables': 'howto/project.html',
    'how do I update two parts of the page': 'howto/patterns.html',
    'how do I lazy load content': 'howto/patterns.html',
    "how do I get the client's ip address": 'howto/parameters.html',
    'how do I run code at startup': 'howto/background.html',
    'how do I translate error messages': 'api/http/languages.html',
    'how do I create a sitemap': 'api/http/seo.html',
    'how do I use a custom font': 'howto/styles.html',
    'upgrade to htmx 4': 'howto/patterns.html',
    'double submit': 'howto/patterns.html',
    'send json from a handler': 'howto/responses.html',
    'redirect after post': 'howto/responses.html',
    'change page title': 'howto/styles.html',
    'custom fonts': 'howto/styles.html',
    'react to events of htmx': 'howto/javascript.html',
    'drag and drop files': 'howto/uploads.html',
    'log requests': 'howto/deploy.html',
}
ASK = """async ([site, questions]) => {
  const search = await import(site + '/pagefind/pagefind.js'), {find} = await import(site + '/site/search.js');
  const found = {};
  for (const question of questions) {
    found[question] = (await find(search, question)).slice(0, 8).map(page => page.url.replace(/^\\//, ''));
  }
  return found;
}"""


@pytest.fixture(scope='module')
def found(browser):
    "What the site's own search finds for each question: pages, best first"
    if not (SITE/'pagefind'/'pagefind.js').exists():
        missing('the documentation as the stand-in renders it', 'run `make docs`')
    with serve(Starlette(routes=[Mount('/', StaticFiles(directory=SITE, html=True))])) as server:
        page = browser.new_page()
        page.goto(f'{server.url}/404.html')
        yield page.evaluate(ASK, [server.url, list(QUESTIONS)])
        page.close()


def test_every_question_leads_to_the_page_that_answers_it(found):
    "In one test, since each process that takes a part of them would ask all"
    assert {question: pages[:3] for question, pages in found.items() if pages[:1] != [QUESTIONS[question]]} == {}
