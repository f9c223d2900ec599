from tests.standins.stores import sqlite as sqlite
from tests.standins.stores import store as store
from tests.standins.stores import store_url as store_url
