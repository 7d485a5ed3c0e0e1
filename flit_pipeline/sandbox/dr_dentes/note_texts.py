"""What clinical notes say: sentences of our own, and the shapes of text on which migrations break."""

from random import Random

SENTENCES: tuple[str, ...] = (
    "Hasta sağ üst bölgede soğuğa hassasiyet tarif ediyor.",
    "16 numaralı dişte okluzal çürük görüldü, dolgu önerildi.",
    "Lokal anestezi altında kanal tedavisine başlandı, iki hafta sonra devam edilecek.",
    "Ağız hijyeni yetersiz; diş ipi kullanımı gösterildi.",
    "İmplant bölgesinde iyileşme sorunsuz, dikişler alındı.",
    "Panoramik film çekildi, 38 gömülü olarak izlendi.",
    "Detartraj yapıldı, diş eti kanaması azaldı.",
    "Geçici kron simante edildi, ölçü laboratuvara gönderildi.",
    "Gece plağı teslim edildi; ısırma ağrısı sürerse aranacak.",
    "Hastanın penisilin alerjisi var, ilaç yazılırken dikkat edilsin.",
    "Süt dişi çekimi yapıldı, yer tutucu için çağrılacak.",
    "Tansiyon 145/90 ölçüldü, işlem ertelendi.",
)
SOAP: tuple[str, ...] = (
    *("S: Çiğneme sırasında ağrı.", "O: Perküsyon pozitif, palpasyon negatif.", "A: Semptomatik apikal periodontitis."),
    "P: Kanal tedavisi planlandı, hasta bilgilendirildi.",
)
VOICE: tuple[str, ...] = (
    "eee hastamız bugün kontrole geldi ağrısı yok dolgu yerinde",
    "yirmi altı numaraya bakıyoruz mobilite bir cep derinliği dört milimetre",
    "yani şöyle diyelim üç ay sonra tekrar görelim",
)

_WRAPPED: dict[str, tuple[str, str]] = {
    "html": ("<b>Dikkat:</b> diş & diş eti <i>hassas</i>; plak < 2 mm<br/>", "</p> <script>x=1</script>"),
    "emoji": ("🦷 ", " 😀 👍🏽 teşekkürler 🇹🇷"),
    "rtl": ("المريض يشعر بألم ", " \u202eשלום\u202c"),
    "newlines": ("1. satır\r\n2. satır\n\n", "\r\n\tson satır"),
    "quotes": ('"Ağrım geçmedi" dedi; \'dolgu\' "düştü", ', ' \\n "'),
    "control": ("\x0bSes kaydı\x07 ", "\x1b[0m \x1c\x85 son"),
    "blank_edges": ("   \t", "  \n "),
    "formula": ('=HYPERLINK("http://posta.example";"tıkla") ', ""),
}
SHAPES: tuple[str, ...] = ("plain", *_WRAPPED, "long")
"""Every shape a note can have; each stands at its own places, see ``shape_of``."""

LONG_NOTE = 20_000
_PERIOD = 40


def shape_of(index: int) -> str:
    """Shape of note ``index``: one in forty each, the rest plain."""
    place = index % _PERIOD
    return SHAPES[place] if place < len(SHAPES) else "plain"


def body(index: int, note_type: str, token: str, rng: Random) -> str:
    """Text of note ``index``; ``token`` (a canary or "") stands near its start."""
    pool = {"soap": SOAP, "voice": VOICE}.get(note_type, SENTENCES)
    count = len(pool) if note_type == "soap" else rng.randrange(1, 4)
    chosen = pool if note_type == "soap" else [rng.choice(pool) for _ in range(count)]
    text = f"{token.strip()} {' '.join(chosen)}".strip()
    shape = shape_of(index)
    if shape == "long":
        while len(text) < LONG_NOTE:
            text += " " + rng.choice(SENTENCES)
    before, after = _WRAPPED.get(shape, ("", ""))
    return before + text + after
