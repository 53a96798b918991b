"""What connecting needs beside the context."""

from dataclasses import dataclass

from entra_plugin.application.connect.credentials import CredentialResolver
from entra_plugin.application.connect.journal import SecretJournal
from entra_plugin.application.connect.keeping import TokenKeeper
from entra_plugin.application.connect.opening import DirectoryOpener
from entra_plugin.directory.microsoft.sign_in import SignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectPorts:
    """Sign-in, credentials, adapters, and the writers of secrets."""

    sign_in: SignIn
    resolver: CredentialResolver
    opener: DirectoryOpener
    journal: SecretJournal
    keeper: TokenKeeper
