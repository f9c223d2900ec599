"""The costs that the load model reckons with unless it is given others: printed by `python -m benchmarks costs`.

Measured on 2026-11-22, on one virtual machine with 2 cores (Intel Xeon, 2.3 GHz, Sapphire Rapids; Python 3.11; PostgreSQL 15 with
its own settings on the same machine).
"""

from __future__ import annotations

from benchmarks.costs import Measured
from benchmarks.model import Costs

BATCH = 64
"""Alerts in a request where `resent_us` was measured."""


def costs_of(found: Measured, renewals: Measured) -> Costs:
    """`renewals`: the place where those were measured; without replicas nothing renews soon enough to be seen."""
    request = (found.single_us - found.resent_us) * BATCH / (BATCH - 1)
    return Costs(
        store=found.place,
        request=request,
        request_db=found.single_db_us,
        resent=found.resent_us - request / BATCH,
        new=found.new_us,
        new_db=found.new_db_us,
        writer=1e6 / found.new_rate,
        renewal=renewals.renew_us,
        renewal_db=found.renew_db_us,
        incident=found.incident_us,
        incident_db=found.incident_db_us,
        base_mb=found.base_mb,
        alert_memory=found.alert_memory,
        alert_disk=found.alert_disk,
        alert_log=found.alert_log,
        renewal_log=renewals.renew_log,
        incident_disk=found.incident_disk,
        incident_log=found.incident_log,
    )


MEASURED_SQLITE = Measured(
    place="SQLite",
    new_rate=14800.0,
    new_us=56.6,
    new_db_us=0.0,
    resent_rate=214200.0,
    resent_us=3.8,
    single_rate=14300.0,
    single_us=56.6,
    single_db_us=0.0,
    incident_us=1300.0,
    incident_db_us=0.0,
    renew_us=0.0,
    renew_db_us=0.0,
    base_mb=108.0,
    alert_memory=569.0,
    alert_disk=793.0,
    alert_log=5200.0,
    incident_disk=1708.0,
    incident_log=20300.0,
    renew_log=0.0,
    other_cpu=1.1,
)
MEASURED_POSTGRES = Measured(
    place="PostgreSQL, 1 replica",
    new_rate=8800.0,
    new_us=72.4,
    new_db_us=53.7,
    resent_rate=218800.0,
    resent_us=4.0,
    single_rate=9500.0,
    single_us=66.6,
    single_db_us=4.2,
    incident_us=2867.0,
    incident_db_us=1683.0,
    renew_us=36.0,
    renew_db_us=44.5,
    base_mb=116.0,
    alert_memory=417.0,
    alert_disk=1045.0,
    alert_log=1315.0,
    incident_disk=2359.0,
    incident_log=3500.0,
    renew_log=1034.0,
    other_cpu=1.1,
)
SQLITE = costs_of(MEASURED_SQLITE, MEASURED_POSTGRES)
POSTGRES = costs_of(MEASURED_POSTGRES, MEASURED_POSTGRES)
