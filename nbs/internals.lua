-- Fold what follows a heading "Internals", up to the next heading of its level, into <details>.
-- The page then shows what a module is for; a click, a search in the page, or a link to a name inside opens the rest.
-- Quarto runs this filter (see _quarto.yml), and so does tools/standin.

local begin = '<details class="internals"><summary>Show the definitions that the library itself uses</summary>'

local open_for_links = [[
<script>
(() => {
  const open = () => {
    const at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)))
    const fold = at && at.closest('details.internals')
    if (!fold || fold.open) return
    fold.open = true
    at.scrollIntoView()
  }
  addEventListener('hashchange', open)
  open()
})()
</script>]]

local function is_heading(block) return block.t == 'Header' and block.level <= 2 end

function Pandoc(doc)
  if FORMAT and not FORMAT:match('html') then return nil end  -- the stand-in makes HTML only, and does not say so
  local blocks, folded = pandoc.List(), nil
  local function close()
    if folded == nil then return end
    blocks:insert(pandoc.RawBlock('html', begin))
    blocks:insert(pandoc.Div(folded))
    blocks:insert(pandoc.RawBlock('html', '</details>' .. open_for_links))
    folded = nil
  end
  for _, block in ipairs(doc.blocks) do
    if is_heading(block) then close() end
    local into = folded or blocks
    into:insert(block)
    if is_heading(block) and pandoc.utils.stringify(block) == 'Internals' then folded = pandoc.List() end
  end
  close()
  doc.blocks = blocks
  return doc
end
