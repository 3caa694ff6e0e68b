import time, sys
from collections import Counter
import pytest
from models import Redemption, Voucher, Attempt
from tests import racing
from tests.racing import *
@pytest.mark.parametrize("group",[1,2,4,8,200])
def test_a(world, database, group):
    campaign = world.campaign(quantity=1000)
    t=time.time(); holders = racing.crowd(database, world, campaign, 100); t1=time.time()
    with Site(database, world) as site:
        t2=time.time()
        answers=[]
        for i in range(0,100,group):
            answers += fire(site, [Request(h) for h in holders[i:i+group] for _ in range(16)])
        t3=time.time()
    print("\n",database.database_url, group, "data %.1f start %.1f race %.1f stop %.1f"%(t1-t,t2-t1,t3-t2,time.time()-t3), Counter(answers), Redemption.select().count())
    c=check(database,world); print(c.returncode,c.stdout,c.stderr)
