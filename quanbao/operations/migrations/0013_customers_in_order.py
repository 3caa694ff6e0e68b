"""A merchant's customers in the order of their ids, as a publication goes through them."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX customer_merchant_id_id ON customer (merchant_id, id)")
