"""Words from which people, jobs and carriers are made: common Turkish given names, the rest invented."""

FEMALE: tuple[str, ...] = (
    *("Ayşe", "Fatma", "Zeynep", "Elif", "Emine", "Hatice", "Işıl", "İrem", "İlknur", "Gülşah", "Şebnem", "Çiğdem"),
    *("Özge", "Ümran", "Büşra", "Nilgün", "Sıla", "Yıldız", "Gökçe", "Dilşad", "Müge", "Tuğba", "Pınar", "Ebru"),
    *("Işık", "İpek", "Nazlı", "Özlem", "Sevgi", "Songül", "Şule", "Ülkü", "Yasemin", "Zübeyde", "Aslı", "Bahar"),
)
MALE: tuple[str, ...] = (
    *("Mehmet", "Mustafa", "Ahmet", "Ali", "Hüseyin", "İbrahim", "İsmail", "Işıtan", "Çağrı", "Çetin", "Şükrü"),
    *("Şahin", "Ömer", "Özgür", "Ümit", "Uğur", "Yiğit", "Yılmaz", "Gökhan", "Görkem", "Doğan", "Barış", "Tarık"),
    *("İlker", "İhsan", "Kıvanç", "Rıza", "Sıtkı", "Tuğrul", "Oğuz", "Emre", "Burak", "Kerem", "Cihan", "Vedat"),
)
SURNAMES: tuple[str, ...] = (
    *("Yılmaz", "Kaya", "Demir", "Çelik", "Şahin", "Yıldız", "Yıldırım", "Öztürk", "Aydın", "Özdemir", "Arslan"),
    *("Doğan", "Kılıç", "Aslan", "Çetin", "Kara", "Koç", "Kurt", "Özkan", "Şimşek", "Polat", "Korkmaz", "Işık"),
    *("İnce", "İleri", "Iğdır", "Ilgaz", "Gündoğdu", "Çakır", "Güneş", "Taş", "Bulut", "Türkmen", "Sönmez", "Ünal"),
    *("Ağaoğlu", "Karadağ", "Değirmenci", "Kuyumcu", "Şeker", "Gürbüz", "Bıçakçı", "Kırbaş", "Öğüt", "Üçler"),
    *("Çobanoğlu", "Uğurlu", "Tanrıkulu", "Sarıkaya", "Akgün", "Balcı", "Ekinci", "Toprak", "Yavuz", "Zengin"),
)
FOREIGN: tuple[tuple[str, str], ...] = (
    *(("Olena", "Kovalenko"), ("Dmitri", "Orlov"), ("Layla", "Haddad"), ("Omar", "Nasser"), ("Greta", "Lindqvist")),
    *(("Jonas", "Weber"), ("Siobhán", "O'Rourke"), ("Nguyen", "Van An"), ("Zoë", "de la Cruz"), ("Ana", "Petrovic")),
)
OCCUPATIONS: tuple[str, ...] = (
    *("Öğretmen", "Mühendis", "Şoför", "Çiftçi", "Emekli", "Öğrenci", "Hemşire", "Avukat", "İşçi", "Aşçı"),
    *("Muhasebeci", "Kuaför", "Ev hanımı", "Mimar", "Eczacı", "Güvenlik görevlisi", "Yazılımcı", "Esnaf"),
)
CARRIERS: tuple[str, ...] = (
    *("Anadolu Sigorta", "İpek Kıyı Sigorta", "Çınar Sağlık Sigortası", "Ilgaz Hayat ve Sağlık", "Yıldız İnci Sigorta"),
    *("Gümüşsu Sigorta", "Işıklı Vadi Sağlık", "Şifa Pınarı Sigorta", "Mavi Körfez Sigorta", "Bozkır Birlik Sigorta"),
    *("Üç Deniz Sağlık Sigortası", "İyilik Ağacı Sandığı"),
)
"""Every carrier holds an i, ı, İ or I: these are the letters on which folding goes wrong."""

COVERAGES: tuple[str, ...] = ("Ayakta", "Yatarak", "Tam kapsam", "Yalnız acil")
TITLES: tuple[str | None, ...] = (None, None, None, "Sn.", "Dr.", "Av.")
FRAME_COLOURS: tuple[str | None, ...] = (None, None, "kırmızı", "yeşil", "sarı")
