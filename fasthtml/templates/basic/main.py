from fasthtml.common import *

app, rt = fast_app(title='{title}')


def greeting(text='Nobody has been greeted yet.'):
    return P(text, id='greeting')


@rt('/')
def get():
    form = Form(Input(id='name', placeholder='Your name', required=True, aria_label='Your name'), Button('Greet'),
                hx_post='/greet', target_id='greeting', hx_swap='outerHTML')
    return Titled('{title}', P('This page is in main.py. Change it, and the browser follows.'), form, greeting())


@rt('/greet')
def post(name: str):
    return greeting(f'Hello {name}!')


if __name__ == '__main__':
    serve()
