"""How a report looks: on screens, dark or light, narrow or wide, and on paper."""

from cli.view.chart import STYLE as CHART

STYLE = f"""
:root{{color-scheme:light dark;--back:#fff;--text:#1b1f24;--quiet:#57606a;--rule:#d8dee4;--box:#f6f8fa;
--good:#1a7f37;--bad:#b3261e;--odd:#8a5a00;--busy:#0b62b8}}
@media (prefers-color-scheme:dark){{:root{{--back:#12161b;--text:#e6edf3;--quiet:#9aa5b1;--rule:#303842;--box:#1a2027;
--good:#6fd397;--bad:#ff8f86;--odd:#e3b341;--busy:#79b8ff}}}}
*{{box-sizing:border-box}}
body{{margin:0 auto;max-width:64rem;padding:1.5rem;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}}
h1{{font-size:1.6rem;line-height:1.25;margin:0}}
h2{{font-size:1.1rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--rule);padding-bottom:.2rem}}
h3{{font-size:1rem;margin:0 0 .3rem}}
p{{margin:.3rem 0}}
.quiet{{color:var(--quiet)}}
.state{{display:inline-block;font-weight:600;padding:.05rem .6rem;border:1px solid;border-radius:1rem;font-size:.9rem}}
.good{{color:var(--good)}}.bad{{color:var(--bad)}}.odd{{color:var(--odd)}}.busy{{color:var(--busy)}}
.notice{{border-left:4px solid var(--bad);background:var(--box);padding:.6rem .9rem;margin:1rem 0}}
.numbers{{display:flex;flex-wrap:wrap;gap:.8rem;margin:1.2rem 0;padding:0}}
.numbers div{{flex:1 1 7rem;background:var(--box);border:1px solid var(--rule);border-radius:6px;padding:.6rem .8rem}}
.numbers dt{{color:var(--quiet);font-size:.85rem}}
.numbers dd{{margin:0;font-size:1.35rem;font-weight:600;line-height:1.3}}
.numbers dd.note{{font-size:.85rem;font-weight:400;color:var(--quiet)}}
.facts{{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:1rem 0}}
.facts dt{{color:var(--quiet)}}.facts dd{{margin:0}}
.scroll{{overflow-x:auto}}
table{{border-collapse:collapse;width:100%;font-size:.92rem;overflow-wrap:normal}}
caption{{text-align:left;color:var(--quiet);padding-bottom:.4rem}}
th,td{{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--rule)}}
thead th{{color:var(--quiet);font-weight:500;white-space:nowrap}}
tbody th{{font-weight:500}}
.whole{{white-space:nowrap;font-variant-numeric:tabular-nums}}
.cause{{border:1px solid var(--rule);border-radius:6px;padding:.8rem 1rem;margin:.8rem 0}}
pre{{background:var(--box);border:1px solid var(--rule);border-radius:6px;padding:.6rem .8rem;margin:.5rem 0 0;
overflow-x:auto;white-space:pre-wrap;font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}}
code{{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--box);padding:.1rem .3rem;
border-radius:3px}}
pre code{{background:none;padding:0}}
li{{margin:.25rem 0}}
svg.healthy{{display:block;width:100%;min-width:38rem;height:auto}}
footer{{margin-top:2.5rem;color:var(--quiet);font-size:.85rem}}
@media (max-width:40rem){{.facts{{grid-template-columns:1fr}}.facts dd{{margin-bottom:.4rem}}}}
@media print{{:root{{color-scheme:light;--back:#fff;--text:#000;--quiet:#444;--rule:#bbb;--box:#fff;--good:#14632b;
--bad:#8c1d18;--odd:#6b4600;--busy:#0a4a8a}}body{{max-width:none;padding:0;font-size:10.5pt}}
.scroll{{overflow:visible}}svg.healthy{{min-width:0}}.cause,.numbers div,svg,tr{{break-inside:avoid}}
h2{{break-after:avoid}}thead{{display:table-header-group}}}}
{CHART}
@media print{{.healthy{{--in:#14632b;--promise:#8c1d18;--mark:#46307f;color:#000}}}}
"""
