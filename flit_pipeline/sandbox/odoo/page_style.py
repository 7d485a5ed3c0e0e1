"""The pages' own style: one column that fits a phone, light and dark."""

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#7778;--link:#1769aa}
@media(prefers-color-scheme:dark){:root{--link:#7fc1ff}}
body{margin:0;font:16px/1.5 system-ui,sans-serif}
main{max-width:54rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;line-height:1.2;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .5rem}
h1 em{font-style:normal;color:var(--link)}a{color:var(--link)}
small{color:GrayText;font-weight:400}
table{border-collapse:collapse;width:100%}td{padding:.35rem .5rem;border-bottom:1px solid var(--line)}
td small,dt small{display:block;font-size:.75rem;overflow-wrap:anywhere}
.n{text-align:right;font-variant-numeric:tabular-nums}
form{display:flex;gap:.5rem;flex-wrap:wrap;margin:.5rem 0}input,button{font:inherit;padding:.3rem .6rem}
th{text-align:left;padding:.35rem .5rem;color:GrayText;font-weight:400}.wide{overflow-x:auto}
.off{opacity:.6}nav{display:flex;gap:1rem;margin:1rem 0}
article{border:1px solid var(--line);border-radius:.5rem;padding:.5rem .8rem;margin:.6rem 0}
dl{display:grid;grid-template-columns:minmax(7rem,13rem) 1fr;gap:.3rem 1rem;margin:.2rem 0}
dt{color:GrayText}dd{margin:0;overflow-wrap:anywhere;white-space:pre-line}
.rich{white-space:normal}.rich p{margin:.2rem 0}
summary{cursor:pointer;padding:.6rem 0;color:GrayText}
@media(max-width:34rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
"""
