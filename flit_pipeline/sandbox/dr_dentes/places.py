"""Turkish places: the 81 provinces with their plate codes (facts), districts of the large ones, invented streets."""

PROVINCES: tuple[str, ...] = (
    *("Adana", "Adıyaman", "Afyonkarahisar", "Ağrı", "Amasya", "Ankara", "Antalya", "Artvin", "Aydın"),
    *("Balıkesir", "Bilecik", "Bingöl", "Bitlis", "Bolu", "Burdur", "Bursa", "Çanakkale", "Çankırı", "Çorum"),
    *("Denizli", "Diyarbakır", "Edirne", "Elazığ", "Erzincan", "Erzurum", "Eskişehir", "Gaziantep", "Giresun"),
    *("Gümüşhane", "Hakkâri", "Hatay", "Isparta", "Mersin", "İstanbul", "İzmir", "Kars", "Kastamonu", "Kayseri"),
    *("Kırklareli", "Kırşehir", "Kocaeli", "Konya", "Kütahya", "Malatya", "Manisa", "Kahramanmaraş", "Mardin"),
    *("Muğla", "Muş", "Nevşehir", "Niğde", "Ordu", "Rize", "Sakarya", "Samsun", "Siirt", "Sinop", "Sivas"),
    *("Tekirdağ", "Tokat", "Trabzon", "Tunceli", "Şanlıurfa", "Uşak", "Van", "Yozgat", "Zonguldak", "Aksaray"),
    *("Bayburt", "Karaman", "Kırıkkale", "Batman", "Şırnak", "Bartın", "Ardahan", "Iğdır", "Yalova", "Karabük"),
    *("Kilis", "Osmaniye", "Düzce"),
)
"""Province names in the order of their plate codes: ``PROVINCES[0]`` is "01"."""

HOME_CODES: tuple[str, ...] = ("34", "06", "35", "16", "07", "41")
"""Provinces in which the practice has its clinics, in order, and where most patients live."""

DISTRICTS: dict[str, tuple[str, ...]] = {
    "06": ("Çankaya", "Keçiören", "Yenimahalle", "Etimesgut", "Gölbaşı"),
    "07": ("Muratpaşa", "Konyaaltı", "Kepez", "Alanya"),
    "16": ("Osmangazi", "Nilüfer", "Yıldırım", "İnegöl"),
    "34": ("Kadıköy", "Şişli", "Üsküdar", "Beşiktaş", "Bağcılar", "Ümraniye", "Çekmeköy"),
    "35": ("Karşıyaka", "Bornova", "Buca", "Çiğli", "Güzelbahçe"),
    "41": ("İzmit", "Gebze", "Gölcük", "Çayırova"),
}

AREA_CODES: dict[str, str] = {"06": "312", "07": "242", "16": "224", "34": "216", "35": "232", "41": "262"}
"""Area code of fixed lines; elsewhere the nationwide 850 stands in."""

STREETS: tuple[str, ...] = (
    *("Ihlamur Sokak", "Çınaraltı Caddesi", "Gül Bahçesi Sokağı", "Üç Kuyular Caddesi", "Şadırvan Sokak"),
    *("Öğretmenler Caddesi", "Değirmenyolu Sokak", "İncir Dibi Sokağı", "Yıldızlı Bulvarı", "Kırmızı Konak Sokak"),
    *("Ceviz Ağacı Caddesi", "Eski Çarşı Sokak", "Martı Sokağı", "Işıklı Tepe Caddesi", "Söğütlü Dere Sokak"),
)


def state_name(code: str) -> str:
    """Province of a plate code such as "06". Raises IndexError above "81"."""
    return PROVINCES[int(code) - 1]
