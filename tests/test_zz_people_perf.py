import time, pytest
from models import *
from quanbao import customers
from database import db
def t(name, f, n=5):
    f(); s=time.perf_counter()
    for _ in range(n): r=f()
    print(f"{name:40s} {(time.perf_counter()-s)/n*1000:8.1f} ms", len(r) if hasattr(r,'__len__') else r)
def test_perf(world):
    N=100_000
    other = world.make_merchant(slug="other")
    for start in range(0, N, 5000):
        Account.insert_many([{"email": f"x{i}@e.org", "created_at": world.clock()} for i in range(start,start+5000)]).execute()
    ids=[i for i, in Account.select(Account.id).where(Account.email.startswith("x")).order_by(Account.id).tuples()]
    for m in (world.merchant,):
      for s in range(0,N,5000):
        Customer.insert_many([{"merchant":m.id,"consumer":c,"address":f"n{c*7919%100003}@{'abc'[c%3]}.example.org","first_seen_at":world.clock()} for c in ids[s:s+5000]]).execute()
    for c in ids[:300]:
        pass
    Customer.insert_many([{"merchant":other.id,"consumer":c,"address":f"o{c}@e.org","first_seen_at":world.clock()} for c in ids[:300]]).execute()
    cs=[i for i, in Customer.select(Customer.id).where(Customer.merchant==world.merchant).tuples()]
    for s in range(0,N,5000):
        CustomerGroup.insert_many([{"customer":c,"name":"everyone"} for c in cs[s:s+5000]]).execute()
    for s in range(0,N,10000):
        CustomerGroup.insert_many([{"customer":c,"name":"half"} for c in cs[s:s+10000:2]]).execute()
    CustomerGroup.insert_many([{"customer":c,"name":"rare"} for c in cs[:20]]).execute()
    db.execute_sql("ANALYZE")
    m=world.merchant
    for label, mm in (("big",m),("small other",other)):
        print("==",label)
        t("groups", lambda: customers.groups(mm))
        t("find all", lambda: customers.find(mm,""))
        t("find after", lambda: customers.find(mm,"",None,50000))
        t("find text common", lambda: customers.find(mm,"example"))
        t("find text rare", lambda: customers.find(mm,"n77777@"))
        t("find none", lambda: customers.find(mm,"zzz"))
        t("find group everyone", lambda: customers.find(mm,"","everyone"))
        t("find group rare", lambda: customers.find(mm,"","rare"))
        t("find group none", lambda: customers.find(mm,"","nope"))
        t("find group half+text", lambda: customers.find(mm,"n777","half"))
    s=time.perf_counter(); print(customers.put_found(m,"",None,"new",into=True), time.perf_counter()-s)
    s=time.perf_counter(); print(customers.put_found(m,"zzz",None,"new",into=True), time.perf_counter()-s)
    s=time.perf_counter(); print(customers.put_found(m,"n777","half","new2",into=True), time.perf_counter()-s)
