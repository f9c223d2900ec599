"""One letter over SMTP, and what each failure means. Blocking: called in a thread.

What a server answers may repeat what it was told, so that it stands in no error: only its code does.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.utils import parseaddr

from adapters.chat import DeliveryError, Failure
from adapters.chats.email.config import EmailConfig

GREYLISTED = 60.0
"""Seconds after which a server that says "not now" is asked again."""


def send(config: EmailConfig, to: Sequence[str], letter: bytes) -> list[str]:
    """Hands a letter over. Returns the addresses that the server refused while it took others. Raises DeliveryError."""
    client = connect(config)
    try:
        refused = _address(client, config, to)
        _hand_over(client, letter)
        return refused
    finally:
        _leave(client)


def connect(config: EmailConfig) -> smtplib.SMTP:
    """Connected and signed in. Raises DeliveryError: nothing was sent then."""
    try:
        return _open(config)
    except smtplib.SMTPAuthenticationError:
        raise DeliveryError(Failure.credentials, f"{config.host} does not accept user and password") from None
    except smtplib.SMTPNotSupportedError as problem:
        raise DeliveryError(Failure.credentials, f"{config.host} offers no {config.security} or no sign-in") from problem
    except ssl.SSLError as problem:
        raise DeliveryError(Failure.credentials, f"no safe connection to {config.host}: {problem.reason}") from problem
    except smtplib.SMTPResponseException as problem:
        raise DeliveryError(Failure.transient, f"{config.host} answered {problem.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as problem:
        raise DeliveryError(Failure.transient, f"cannot reach {config.host}: {type(problem).__name__}") from problem


def _open(config: EmailConfig) -> smtplib.SMTP:
    if config.security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            config.host, config.port, timeout=config.timeout, context=ssl.create_default_context()
        )
    else:
        client = smtplib.SMTP(config.host, config.port, timeout=config.timeout)
    try:
        if config.security == "starttls":
            client.starttls(context=ssl.create_default_context())
        if config.user and config.password:
            client.login(config.user, config.password.get_secret_value())
    except BaseException:
        client.close()
        raise
    return client


def _address(client: smtplib.SMTP, config: EmailConfig, to: Sequence[str]) -> list[str]:
    """Says from whom and to whom. Returns who is refused; raises when all are."""
    try:
        client.ehlo_or_helo_if_needed()
        code, _ = client.mail(parseaddr(config.sender)[1])
        if code != 250:
            raise DeliveryError(_kind(code, Failure.credentials), f"{config.host} refuses the sender: {code}", _wait(code))
        answers = {address: client.rcpt(address)[0] for address in to}
    except (smtplib.SMTPException, OSError) as problem:
        raise DeliveryError(Failure.transient, f"{config.host} went away: {type(problem).__name__}") from None
    refused = [address for address, code in answers.items() if code not in (250, 251)]
    if len(refused) == len(answers):
        code = min(answers.values())  # one that may pass is asked again
        raise DeliveryError(
            _kind(code, Failure.channel_unreachable), f"{config.host} refuses all it is addressed to: {code}", _wait(code)
        )
    return refused


def _hand_over(client: smtplib.SMTP, letter: bytes) -> None:
    try:
        code, _ = client.data(letter)
    except smtplib.SMTPDataError as problem:
        kind = _kind(problem.smtp_code, Failure.payload)
        raise DeliveryError(kind, f"the letter is refused: {problem.smtp_code}", _wait(problem.smtp_code)) from None
    except (smtplib.SMTPException, OSError) as problem:
        raise DeliveryError(Failure.unknown_outcome, f"no answer to a letter: {type(problem).__name__}") from problem
    if code != 250:
        raise DeliveryError(_kind(code, Failure.payload), f"the letter is refused: {code}", _wait(code))


def _leave(client: smtplib.SMTP) -> None:
    try:
        client.quit()
    except (smtplib.SMTPException, OSError):
        client.close()  # what became of the letter is known already


def _kind(code: int, lasting: Failure) -> Failure:
    """4xx is said of what passes."""
    return Failure.transient if 400 <= code < 500 else lasting


def _wait(code: int) -> float | None:
    return GREYLISTED if 400 <= code < 500 else None
