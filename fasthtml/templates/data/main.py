"Notes in a SQLite table. Needs the extra `db`."
import os

from fasthtml.common import *


def show(note):
    "How a note is drawn, wherever one appears"
    delete = Button('Delete', hx_delete=f'/notes/{note.id}', target_id=f'note-{note.id}', hx_swap='outerHTML')
    return Article(P(note.text), Footer(delete), id=f'note-{note.id}')


app, rt, notes, Note = fast_app(os.environ.get('NOTES_DB', 'notes.db'), render=show, title='{title}',
                                id=int, text=str, pk='id')


@rt('/')
def get():
    form = Form(Textarea(name='text', required=True, maxlength=2000, aria_label='Note'), Button('Keep'),
                hx_post='/notes', target_id='notes', hx_swap='afterbegin', hx_on__after_request='this.reset()')
    return Titled('{title}', form, Div(*notes(order_by='id desc'), id='notes'))


@rt('/notes')
def post(text: str):
    return notes.insert(Note(text=text[:2000]))


@rt('/notes/{id}')
def delete(id: int):
    if id in notes:
        notes.delete(id)
    return ''


if __name__ == '__main__':
    serve()
