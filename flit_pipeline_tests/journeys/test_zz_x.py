import json, time
import pytest
from flit_pipeline_tests.everything import Everything
from flit_pipeline_tests.practice_run import *
def test_x(odoo, tmp_path):
    with PracticeRun(tmp_path/"r", odoo, Practice(patients=30)) as run:
        hire(run)
        before=Everything.of(odoo)
        t=time.time()
        run.run("prepare").ok(); run.run("full").ok()
        print("loaded",time.time()-t); t=time.time()
        e=run.flit("run","rollback",MIGRATION,"--dry-run","--json"); print(e.code,e.out,e.err); print("dry",time.time()-t); t=time.time()
        e=run.flit("run","rollback",MIGRATION,"--yes","--json"); print(e.code,e.out[-3000:],e.err[-3000:]); print("real",time.time()-t)
        p=(run.home/MIGRATION/"reports/rollback.json")
        if p.exists(): print(p.read_text())
        after=Everything.of(odoo)
        for t,(a,b) in before.changes(after).items():
            print("==",t,len(a),len(b)); 
            for x in a[:3]: print("  -",x[:300])
            for x in b[:3]: print("  +",x[:300])
        assert 0
