"What the pages are about: the same plain data for every library"
rows = [[f'cell {i}.{j} <b> & "q"' for j in range(10)] for i in range(1000)]
plain_rows = [[f'cell {i}.{j} plain' for j in range(10)] for i in range(1000)]

class Item:
    def __init__(self, n: int):
        self.id, self.title, self.done = f'item-{n}', f'Task {n} & more <{n}>', n % 3 == 0
        self.url, self.tags = f'/items/{n}?a=1&b=2', ['work', 'today', f't{n}']

items = [Item(n) for n in range(12)]
links = [('Home', '/'), ('Tasks', '/tasks'), ('Reports & more', '/reports?x=1&y=2'), ('Settings', '/settings'), ('Help', '/help')]
class Message:
    id, user, text, at = 'msg-7', 'Ann & Bo', 'Is 3 < 4? "Yes", it\'s so, & always was.', '10:42'

message = Message()
user = 'Ann "A" O\'Neil'
WORKLOADS = 'table', 'table_plain', 'page', 'frag'
