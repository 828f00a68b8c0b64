// Theme, menu, search and the marked heading. The pages are complete without it.
import { find } from './search.js'

const root = document.documentElement
const byId = id => document.getElementById(id)

byId('site-theme').onclick = () => {
  const dark = getComputedStyle(root).colorScheme === 'dark'
    || (root.dataset.theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  root.dataset.theme = dark ? 'light' : 'dark'
  localStorage.setItem('theme', root.dataset.theme)
}

byId('site-menu').onclick = event => {
  const open = root.dataset.menu !== 'open'
  root.dataset.menu = open ? 'open' : ''
  event.currentTarget.setAttribute('aria-expanded', open)
}
document.querySelector('#site-side [aria-current]')?.scrollIntoView({ block: 'nearest' })

// Search: the index is loaded when it is first asked for
const dialog = byId('site-search'), query = byId('site-query'), found = byId('site-found')
let index  // a promise of pagefind's module

function openSearch() {
  dialog.showModal()
  index ??= import(new URL(dialog.dataset.pagefind, location.href))
}

function resultItem({ url, title, kind, excerpt }) {
  const item = document.createElement('li'), link = document.createElement('a')
  const what = document.createElement('i'), name = document.createElement('b'), text = document.createElement('span')
  link.href = url
  name.textContent = title
  text.innerHTML = excerpt  // made by pagefind from our own pages: text and <mark> only
  what.textContent = kind
  link.append(what, name, text)
  item.append(link)
  return item
}

async function showResults() {
  const asked = query.value
  await new Promise(resolve => setTimeout(resolve, 120))
  if (query.value !== asked) return  // a later key press took over
  const pages = await find(await index, asked)
  if (query.value !== asked) return
  const hits = pages.slice(0, 8).flatMap(page => page.sub_results.slice(0, 2).map(hit => ({
    url: hit.url, excerpt: hit.excerpt, kind: page.meta.kind,
    title: hit.title === page.meta.title ? hit.title : `${page.meta.title}: ${hit.title}` })))
  found.replaceChildren(...hits.map(resultItem))
  if (!hits.length && query.value) found.innerHTML = '<li><p>Nothing found</p></li>'
}

byId('site-find').onclick = openSearch
query.oninput = showResults
query.onkeydown = event => { if (event.key === 'Enter') found.querySelector('a')?.click() }
dialog.onclick = event => { if (event.target === dialog || event.target.closest('a')) dialog.close() }
addEventListener('keydown', event => {
  if (event.key === '/' && !event.target.closest('input, textarea')) { event.preventDefault(); openSearch() }
})
dialog.addEventListener('keydown', event => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (!step) return
  event.preventDefault()
  const stops = [query, ...found.querySelectorAll('a')]
  stops[Math.min(Math.max(stops.indexOf(document.activeElement) + step, 0), stops.length - 1)].focus()
})

// Copying code. A block that scrolls sideways can be reached with the keyboard
for (const block of document.querySelectorAll('div.sourceCode:not(.cell-output):not(.cell-output *)')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy'
  button.textContent = 'Copy'
  button.onclick = async () => {
    await navigator.clipboard.writeText(block.querySelector('pre').innerText)
    button.textContent = 'Copied'
    setTimeout(() => { button.textContent = 'Copy' }, 1500)
  }
  block.append(button)
}
const reachable = () => document.querySelectorAll('pre, .wide, .cell-output').forEach(block => {
  if (block.scrollWidth > block.clientWidth) block.tabIndex = 0
  else block.removeAttribute('tabindex')
})
addEventListener('resize', reachable)
addEventListener('toggle', reachable, true)  // a fold that opens shows blocks that had no width
reachable()

// Mark the heading being read in the list on the right
const headings = new Map([...document.querySelectorAll('.contents a')].map(link => [link.hash.slice(1), link]))
const watcher = new IntersectionObserver(entries => {
  const top = entries.find(entry => entry.isIntersecting)
  if (!top) return
  headings.forEach(link => link.classList.remove('here'))
  headings.get(top.target.id)?.classList.add('here')
}, { rootMargin: '-64px 0px -70% 0px' })
headings.forEach((_, id) => byId(decodeURIComponent(id)) && watcher.observe(byId(decodeURIComponent(id))))
